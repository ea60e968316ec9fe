import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { configJsonSchema } from '../src/config-schema.ts'
import { loadConfig } from '../src/config.ts'
import { useTempHome } from './temp-home.ts'

const home = useTempHome()
const write = (text: string): Promise<void> => writeFile(join(home.path, 'hubmesh.yaml'), text)
const failure = (text: string): Promise<unknown> =>
  write(text)
    .then(() => loadConfig(home.path))
    .then(
      () => expect.fail('it was taken'),
      (error: unknown) => error,
    )

describe('a configuration', () => {
  it('is all defaults where there is no file, an empty one, or only comments', async () => {
    const none = await loadConfig(home.path)
    expect(none).toMatchObject({
      seed: false,
      upstream: { url: 'https://huggingface.co' },
      gateway: { listen: '127.0.0.1:8642' },
      mesh: { listen: ['/ip4/0.0.0.0/tcp/8643'], mdns: true },
      follow: 'complete',
    })
    await write('')
    expect(await loadConfig(home.path)).toEqual(none)
    await write('# nothing yet\n')
    expect(await loadConfig(home.path)).toEqual(none)
  })

  it('has flags over it: they replace values and add to lists', async () => {
    await write('site: berlin\nmirror: [a/b]\nmesh: { listen: [/ip4/0.0.0.0/tcp/1], mdns: false }\n')
    const config = await loadConfig(home.path, {
      site: 'munich',
      mirror: ['c/d@v*'],
      mesh: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    })
    expect(config.site).toBe('munich')
    expect(config.mirror).toEqual(['a/b', 'c/d@v*'])
    expect(config.mesh).toMatchObject({ listen: ['/ip4/127.0.0.1/tcp/0'], mdns: false })
  })

  it('names repos in short', async () => {
    await write('aliases:\n  voice: acme/GPT-SoVITS\n  table: dataset:acme/table\n')
    expect((await loadConfig(home.path)).aliases).toEqual({ voice: 'acme/GPT-SoVITS', table: 'dataset:acme/table' })
  })

  it('has the JSON Schema that ships with it', async () => {
    const file = await readFile(new URL('../hubmesh.schema.json', import.meta.url), 'utf8')
    expect(JSON.parse(file)).toEqual(structuredClone(configJsonSchema()))
  })
})

describe('a configuration that cannot be used names path, line and field', () => {
  it.each([
    ['an unknown key', 'seed: true\ngateway:\n  lisen: 127.0.0.1:1\n', ':3: gateway.lisen: no such setting', 'listen'],
    ['an unknown key at the top', '# x\n\nsit: a\n', ':3: sit: no such setting', 'site'],
    [
      'an unknown key in a list',
      'trust:\n  - publisher: [a]\n',
      ':2: trust.0.publisher: no such setting',
      'publishers',
    ],
    ['a wrong type', 'site: a\nseed: 3\n', ':2: seed: expected boolean', 'correct'],
    ['a list that is none', 'mirror: a/b\n', ':1: mirror: expected array', 'correct'],
    ['a bad entry of a list', 'mirror:\n  - a/b\n  - "x y"\n', ":3: mirror.1: 'x y' is not a repo id", 'correct'],
    ['a bad address', 'mesh:\n  listen:\n    - here\n', ':3: mesh.listen.0: not a multiaddr', 'correct'],
    ['a bad size', 'store:\n  quota: lots\n', ":2: store.quota: 'lots' is not a size", 'correct'],
    ['a short name that is none', 'aliases:\n  a/b: c/d\n', ':2: aliases.a/b: not a name', 'correct'],
    ['an alias of a ref', 'aliases:\n  a: c/d@main\n', ':2: aliases.a: a short name is of a repo', 'correct'],
    ['what is not YAML', 'site: a\nmesh: [\n', ':', 'YAML'],
    ['a document that is a list', '- 1\n', ':1: the file: expected object', 'correct'],
    ['two values for one key', 'site: a\nsite: b\n', ':2: Map keys must be unique', 'YAML'],
  ])('%s', async (_, text, where, hint) => {
    expect(await failure(text)).toMatchObject({
      code: 'config',
      message: expect.stringContaining(`${join(home.path, 'hubmesh.yaml')}${where}`),
      hint: expect.stringContaining(hint),
    })
    expect((await failure(text)) instanceof Error && String(await failure(text))).not.toContain('\n')
  })

  it('aliases, which could blow it up', async () => {
    expect(await failure('mirror: &all [a/b]\ntrust: *all\n')).toMatchObject({ code: 'config' })
  })

  it('a file that is none', async () => {
    await mkdir(join(home.path, 'hubmesh.yaml'))
    await expect(loadConfig(home.path)).rejects.toMatchObject({ code: 'config', hint: expect.any(String) })
  })

  it('a flag is named as the flag it is', async () => {
    await expect(loadConfig(home.path, { gateway: { listen: 'here' } })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining("--gateway: 'here' is not HOST:PORT"),
    })
    await expect(loadConfig(home.path, { mirror: ['a b'] })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('--mirror: '),
    })
  })
})
