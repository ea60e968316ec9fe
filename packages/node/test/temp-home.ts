import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'

/** A fresh folder for each test. Read it inside the test only. */
export const useTempHome = (): { readonly path: string } => {
  const home = { path: '' }
  beforeEach(async () => {
    home.path = await mkdtemp(join(tmpdir(), 'hubmesh-node-'))
  })
  afterEach(() => rm(home.path, { recursive: true, force: true }))
  return home
}
