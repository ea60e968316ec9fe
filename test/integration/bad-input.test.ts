/** What goes wrong in an operator's hands: one line, a hint, an exit code, and nothing lost. Real processes throughout. */
import { createServer } from 'node:net'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNetworkKey, encodeTicket, loadIdentity, peerIdOf } from '@hubmesh/trust'
import { type SampleHub, createSampleHub } from '@hubmesh/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CliResult, type Swarm, createSwarm, freePort, runCli } from './local-swarm.ts'

let folder: string
let home: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubmesh-bad-input-'))
  home = join(folder, 'home')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const FREE = ['--gateway', '127.0.0.1:0', '--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns']
const up = (...args: string[]): Promise<CliResult> => runCli(['up', '--home', home, ...FREE, ...args])

/** One line that says what, one that says what to do. */
const expectRefusal = (result: CliResult, expected: { code: number; message: RegExp; hint: RegExp }): void => {
  expect(result.code, result.stderr).toBe(expected.code)
  expect(result.stdout).toBe('')
  const [first = '', second = '', ...rest] = result.stderr.trimEnd().split('\n').slice(-2)
  expect(first).toMatch(/^hubmesh: /)
  expect(first).toMatch(expected.message)
  expect(second).toMatch(/^hint: /)
  expect(second).toMatch(expected.hint)
  expect(rest).toEqual([])
}

describe('wrong usage ends with 2', () => {
  it.each([
    ['an unknown flag', ['up', '--sede'], /unknown option '--sede'/, /did you mean --seed\?/],
    ['an unknown command', ['stauts'], /unknown command 'stauts'/, /did you mean status\?/],
    ['a missing argument', ['pull'], /missing required argument 'repo'/, /--help/],
    ['an argument too many', ['id', 'me'], /too many arguments/, /--help/],
    ['a flag without its value', ['up', '--site'], /--site <name>/, /--help/],
    ['a gateway that is no address', ['up', '--gateway', 'here'], /--gateway: 'here' is not HOST:PORT/, /up --help/],
    ['a repo that is none', ['up', '--seed', '--mirror', 'a b'], /--mirror: 'a b' is not a repo id/, /up --help/],
    ['a size that is none', ['up', '--quota', 'lots'], /--quota: 'lots' is not a size/, /up --help/],
    ['an upstream that is no URL', ['up', '--seed', '--upstream', 'hub'], /--upstream: /, /up --help/],
    ['a ticket file that is not there', ['join', '@/no/such'], /ticket file \/no\/such cannot be read/, /@FILE/],
  ])('%s', async (_, args, message, hint) => {
    const [command = '', ...rest] = args
    expectRefusal(await runCli([command, '--home', home, ...rest]), { code: 2, message, hint })
  })

  it('help is no error', async () => {
    const help = await runCli(['up', '--help'])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout).toContain('Examples:')
  })
})

describe('a home that cannot be used', () => {
  it('a file in its place, or below one, or where nothing can be made', async () => {
    await writeFile(join(folder, 'file'), '')
    for (const path of [join(folder, 'file'), join(folder, 'file', 'home'), '/proc/hubmesh']) {
      const result = await runCli(['up', '--home', path, ...FREE])
      expectRefusal(result, { code: 1, message: /the home .* cannot be used/, hint: /--home/ })
    }
  })

  it('a corrupt configuration: path, line and field, and the file stays as it is', async () => {
    await mkdir(home)
    const text = 'site: berlin\ngateway:\n  lisen: 127.0.0.1:1\n'
    await writeFile(join(home, 'hubmesh.yaml'), text)
    expectRefusal(await up(), {
      code: 2,
      message: /hubmesh\.yaml:3: gateway\.lisen: no such setting/,
      hint: /did you mean listen\?/,
    })
    expect(await readFile(join(home, 'hubmesh.yaml'), 'utf8')).toBe(text)
  })

  it('a broken identity or network key: refused, never replaced', async () => {
    await mkdir(home)
    await writeFile(join(home, 'identity.key'), 'half a key', { mode: 0o600 })
    expectRefusal(await up(), { code: 2, message: /identity\.key/, hint: /backup/ })
    expect(await readFile(join(home, 'identity.key'), 'utf8')).toBe('half a key')
    await rm(join(home, 'identity.key'))
    await writeFile(join(home, 'network.key'), 'half')
    expectRefusal(await up(), { code: 2, message: /network\.key/, hint: /ticket/ })
    expect(await readFile(join(home, 'network.key'), 'utf8')).toBe('half')
  })

  it('no node in it: the commands that ask one say so', async () => {
    for (const command of ['status', 'id', 'ticket', 'peers', 'repos']) {
      const result = await runCli([command, '--home', home])
      expectRefusal(result, { code: 1, message: /no node is running in/, hint: /hubmesh up/ })
    }
  })
})

describe('a ticket that cannot be used', () => {
  const makeTicket = async (): Promise<string> => {
    const publisher = peerIdOf(await loadIdentity(join(folder, 'seed.key')))
    const addresses = [`/ip4/192.0.2.1/tcp/8643/p2p/${publisher}`]
    return encodeTicket({ networkKey: createNetworkKey(), addresses, publishers: [publisher] })
  }

  it('with a typo: refused without quoting it, and the home is not even made', async () => {
    const ticket = await makeTicket()
    const typo = `${ticket.slice(0, 60)}${ticket[60] === 'a' ? 'b' : 'a'}${ticket.slice(61)}`
    for (const args of [
      ['join', typo],
      ['join', ticket.slice(0, 80)],
      ['join', 'not-a-ticket'],
    ]) {
      const result = await runCli([...args, '--home', home])
      expectRefusal(result, { code: 2, message: /the ticket /, hint: /hubmesh ticket/ })
      expect(result.stderr).not.toContain(typo.slice(20, 50))
    }
    expect(await readdir(folder)).not.toContain('home')
    expectRefusal(await up('--join', typo), { code: 2, message: /the ticket /, hint: /hubmesh ticket/ })
    expect(await readdir(home)).toEqual([])
  })

  it('is read from stdin and from a file, with all that `hubmesh ticket` printed', async () => {
    const ticket = await makeTicket()
    const printed = `This is a secret\n${ticket}\n`
    expect(await runCli(['join', '-', '--home', home], printed)).toMatchObject({ code: 0 })
    await writeFile(join(folder, 'ticket.txt'), printed)
    expect(await runCli(['join', `@${join(folder, 'ticket.txt')}`, '--home', join(folder, 'two')])).toMatchObject({
      code: 0,
    })
    const key = await readFile(join(home, 'network.key'), 'utf8')
    expect(await readFile(join(folder, 'two', 'network.key'), 'utf8')).toBe(key)
  })
})

describe('a node that cannot start', () => {
  it('with a port in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const address = taken.address()
    const port = typeof address === 'object' ? address?.port : 0
    try {
      const gateway = await up('--gateway', `127.0.0.1:${port}`)
      expectRefusal(gateway, { code: 1, message: new RegExp(`127\\.0\\.0\\.1:${port} is taken`), hint: /--gateway/ })
      const listen = await up('--listen', `/ip4/127.0.0.1/tcp/${port}`)
      expectRefusal(listen, { code: 1, message: new RegExp(String(port)), hint: /--listen/ })
      expect(await readdir(home)).not.toContain('run.json')
    } finally {
      taken.close()
    }
  })

  it('that should mirror but is no seed', async () => {
    expectRefusal(await up('--mirror', 'owner/name'), { code: 2, message: /only a seed mirrors/, hint: /--seed/ })
  })

  it('whose token file is not there', async () => {
    const result = await up('--seed', '--upstream-token-file', join(folder, 'none'))
    expectRefusal(result, { code: 2, message: /token file .* cannot be read/, hint: /--upstream-token-file/ })
  })
})

describe('a node that runs', () => {
  let hub: SampleHub
  let swarm: Swarm
  beforeEach(async () => {
    hub = await createSampleHub({ tokens: { hf_good: { name: 'us' } } })
    await hub.addRepo('acme/open', { files: { 'README.md': '# open' } })
    await hub.addRepo('acme/gated', { files: { 'README.md': '# gated' }, gated: 'manual' })
    swarm = await createSwarm()
  })
  afterEach(async () => {
    await swarm.stop()
    await hub.stop()
  })

  it('is not joined by a second one in its home', async () => {
    const seed = await swarm.startSeed({ upstream: hub.url })
    const second = await runCli(['up', '--home', seed.home, ...FREE])
    expectRefusal(second, { code: 1, message: /already running in this home/, hint: /--home/ })
    expect((await seed.cli('id')).code).toBe(0)
  })

  it('comes up without its upstream, says so, and pulls when it is back', async () => {
    await hub.stop()
    const seed = await swarm.startSeed({ upstream: hub.url, mirror: ['acme/open'] })
    const { mirrors } = await seed.waitFor('the failure', ({ mirrors }) =>
      mirrors.some(({ error }) => error !== undefined),
    )
    expect(mirrors).toMatchObject([{ repo: expect.stringContaining('acme/open'), error: expect.any(String) }])
    const pull = await seed.cli('pull', 'acme/open')
    expectRefusalEnd(pull, { code: 1 })
    await hub.start()
    await seed.waitFor('the mirror', ({ mirrors }) => mirrors.every(({ state }) => state === 'idle'))
  })

  it('says that a repo does not exist, and what upstream refuses', async () => {
    const tokenFile = join(folder, 'token')
    await writeFile(tokenFile, 'hf_wrong\n', { mode: 0o600 })
    const seed = await swarm.startSeed({
      upstream: hub.url,
      mirror: ['acme/none'],
      args: ['--upstream-token-file', tokenFile],
    })
    await seed.waitFor('the failure', ({ mirrors }) => mirrors.some(({ error }) => error !== undefined))
    const pull = await seed.cli('pull', 'acme/none')
    expectRefusalEnd(pull, { code: 1 })
    for (const text of [pull.stderr, seed.log(), JSON.stringify(await seed.status())])
      expect(text).not.toContain('hf_wrong')
  })

  it('says that a gated repo wants a permission', async () => {
    const seed = await swarm.startSeed({ upstream: hub.url, mirror: ['acme/gated'] })
    const { mirrors } = await seed.waitFor('the failure', ({ mirrors }) =>
      mirrors.some(({ error }) => error !== undefined),
    )
    expect(mirrors[0]?.error).toMatch(/gated|permission|access/i)
  })

  it('with an address but no key starts all the same, and says why it is not ready', async () => {
    const seed = await swarm.startSeed({ upstream: hub.url })
    const ticket = await seed.ticket()
    const office = await swarm.startOffice('berlin', { ticket })
    await office.stop()
    await rm(join(office.home, 'network.key'))
    await office.restart()
    const { ready } = await office.status()
    expect(ready.ready).toBe(false)
    expect(ready.reasons.join()).toMatch(/an address alone does not join.*ticket/)
    expect(office.log()).toMatch(/not ready yet: an address alone/)
    expect((await fetch(`${office.gateway}/-/readyz`)).status).toBe(503)
  })

  it('is found no more once it was killed, and starts again in its home', async () => {
    const seed = await swarm.startSeed({ upstream: hub.url })
    await seed.kill()
    expect((await seed.cli('status')).code).toBe(1)
    await seed.restart()
    expect((await seed.cli('status')).code).toBe(0)
    expect(await seed.stop()).toBe(0)
    expect(await readdir(seed.home)).not.toContain('run.json')
  })

  it('answers on a port that it chose itself', async () => {
    const port = await freePort()
    const seed = await swarm.startSeed({ upstream: hub.url, gateway: `127.0.0.1:${port}` })
    expect(seed.gateway).toBe(`http://127.0.0.1:${port}`)
    const run = JSON.parse(await readFile(join(seed.home, 'run.json'), 'utf8')) as unknown
    expect(run).toMatchObject({ pid: seed.pid, gateway: seed.gateway, peerId: seed.peerId, addresses: seed.addresses })
  })
})

/** Progress may come before it. */
const expectRefusalEnd = ({ code, stderr }: CliResult, expected: { code: number }): void => {
  expect(code, stderr).toBe(expected.code)
  expect(stderr).toMatch(/^hubmesh: .+\nhint: .+\n$/m)
}
