import { readFile, readdir } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'

/**
 * The one rule of the layout: rooms know content and trust, never one another; only node knows rooms. An undeclared
 * workspace import does not resolve, so a room's package.json is the rule. This holds it against the table.
 */
const ALLOWED: Record<string, readonly string[]> = {
  content: [],
  trust: ['content'],
  store: ['content'],
  mesh: ['content', 'trust'],
  origin: ['content', 'trust'],
  mirror: ['content', 'trust'],
  gateway: ['content'],
  testing: ['content', 'trust'],
  node: ['content', 'trust', 'store', 'mesh', 'origin', 'mirror', 'gateway'],
}

/** Heavy dependencies have one owner each. */
const OWNERS: Record<string, readonly string[]> = {
  multiformats: ['content'],
  level: ['store'],
  libp2p: ['mesh'],
  '@libp2p/kad-dht': ['mesh'],
  '@chainsafe/libp2p-noise': ['mesh'],
  '@huggingface/hub': ['origin'],
  fastify: ['gateway', 'testing'],
}

interface PackageFile {
  name: string
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}

const packages = new URL('../../packages/', import.meta.url)
const readPackage = async (room: string): Promise<PackageFile> =>
  JSON.parse(await readFile(new URL(`${room}/package.json`, packages), 'utf8')) as PackageFile

describe('rooms', async () => {
  const folders = await readdir(packages, { withFileTypes: true })
  const rooms = folders.filter((entry) => entry.isDirectory()).map((entry) => entry.name)

  it('are those of the table', () => expect(rooms.toSorted()).toEqual(Object.keys(ALLOWED).toSorted()))

  it.each(rooms)('%s imports only what it may', async (room) => {
    const { dependencies = {} } = await readPackage(room)
    const others = Object.keys(dependencies).filter((name) => name.startsWith('@hubmesh/'))
    expect(
      others.map((name) => name.slice('@hubmesh/'.length)).filter((name) => !ALLOWED[room]?.includes(name)),
    ).toEqual([])
    for (const [dependency, owners] of Object.entries(OWNERS)) {
      if (dependency in dependencies) expect(owners, `${room} depends on ${dependency}`).toContain(room)
    }
  })

  it.each(rooms.filter((room) => room !== 'testing'))('%s takes testing for its tests alone', async (room) => {
    expect(Object.keys((await readPackage(room)).dependencies ?? {})).not.toContain('@hubmesh/testing')
  })
})
