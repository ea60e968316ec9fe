import { Command } from 'commander'

const collect = (value: string, before: string[]): string[] => [...before, value]

/** The whole command line. Actions import their command when they run. */
export const buildProgram = (): Command => {
  const program = new Command('hubmesh')
    .description('A peer-to-peer mirror mesh for the Hugging Face Hub')
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureHelp({ optionDescription: ({ description }) => description }) // the texts name the defaults
    .configureOutput({ outputError: () => {} }) // main reports, once
    .addHelpText('after', OVERVIEW)
  addUp(program)
  addMembership(program)
  addViews(program)
  addContent(program)
  return program
}

const command = (program: Command, usage: string, description: string, examples: string): Command =>
  program
    .command(usage)
    .description(description)
    .option('--home <dir>', 'where the node keeps all that it has (default: ~/.hubmesh)')
    .addHelpText('after', `\nExamples:\n${examples.trim().replaceAll(/^\s*/gm, '  ')}\n`)

const addUp = (program: Command): void => {
  command(
    program,
    'up',
    'run a node in the foreground',
    `$ hubmesh up                                            an office, after \`hubmesh join TICKET\`
     $ hubmesh up --seed --mirror lj1995/GPT-SoVITS          a seed that mirrors one model
     $ hubmesh up --seed --mirror 'dataset:owner/name@v*'    a dataset, all tags and branches that begin with v
     $ hubmesh up --join @ticket.txt --site berlin           join and run; the ticket stays out of the process list`,
  )
    .option('--seed', 'may talk to the upstream Hub and publish')
    .option('--upstream <url>', 'the Hub, or what speaks its HTTP API (default: https://huggingface.co)')
    .option('--upstream-token-file <file>', 'file with the upstream token (default: HF_TOKEN from the environment)')
    .option('--mirror <repo>', 'mirror [model:|dataset:|space:]ID[@REF]; may be repeated', collect, [])
    .option('--poll <duration>', 'how often to look for new commits upstream (default: 1m)')
    .option('--gateway <host:port>', 'where HTTP clients connect; port 0 means any free one (default: 127.0.0.1:8642)')
    .option(
      '--listen <multiaddr>',
      'where other nodes connect, or none; may be repeated (default: /ip4/0.0.0.0/tcp/8643)',
      collect,
      [],
    )
    .option('--relay', 'pass on what nodes that cannot reach each other send (a seed does)')
    .option(
      '--announce <multiaddr>',
      'an address to tell others, behind a port forwarding; may be repeated',
      collect,
      [],
    )
    .option('--join <ticket>', 'a ticket, @FILE with one, - for stdin, or a multiaddr; may be repeated', collect, [])
    .option(
      '--trust <publisher>',
      'trust this publisher (with a ticket: instead of its publishers); may be repeated',
      collect,
      [],
    )
    .option('--site <name>', 'the place this node stands in: nodes of one site share a fast network')
    .option('--no-mdns', 'do not look for nodes in the local network')
    .option('--quota <size>', 'most bytes to hold, for example 500GB')
    .option('--on-demand', 'a seed takes on-demand requests of offices (comes in a later version)')
    .action(async (flags) => (await import('./commands/up.ts')).up(flags))
}

const addMembership = (program: Command): void => {
  command(
    program,
    'join <ticket>',
    'make this home a member of a mesh; `hubmesh up` then runs it',
    `$ hubmesh join hubmesh1abc…                paste what \`hubmesh ticket\` printed
     $ hubmesh join - < ticket.txt             from stdin, out of the process list
     $ hubmesh join @ticket.txt --site berlin`,
  )
    .option('--site <name>', 'the place this node stands in')
    .option('--trust <publisher>', 'trust this publisher instead of those of the ticket; may be repeated', collect, [])
    .action(async (ticket, flags) => (await import('./commands/join.ts')).join(ticket, flags))
  command(program, 'id', 'peer id, publisher id and addresses', '$ hubmesh id --json')
    .option('--json', 'as JSON')
    .action(async (flags) => (await import('./commands/id.ts')).id(flags))
  command(
    program,
    'ticket',
    'an invitation to this mesh: a secret, on the last line',
    `$ hubmesh ticket
     $ hubmesh ticket | tail -1 > ticket.txt`,
  )
    .option('--json', 'as JSON')
    .action(async (flags) => (await import('./commands/id.ts')).ticket(flags))
}

const addViews = (program: Command): void => {
  command(
    program,
    'status',
    'what the node holds, does, and who it sees',
    `$ hubmesh status
     $ hubmesh status --watch
     $ hubmesh status --json | jq .counters`,
  )
    .option('--watch', 'again every second, until Ctrl-C')
    .option('--json', 'as JSON')
    .action(async (flags) => (await import('./commands/status.ts')).status(flags))
  command(program, 'peers', 'everyone seen since the start', '$ hubmesh peers')
    .option('--json', 'as JSON')
    .action(async (flags) => (await import('./commands/status.ts')).peers(flags))
  command(program, 'repos', 'what the trusted catalogs offer, and what of it is here', '$ hubmesh repos --json')
    .option('--json', 'as JSON')
    .action(async (flags) => (await import('./commands/status.ts')).repos(flags))
}

const addContent = (program: Command): void => {
  command(
    program,
    'pull <repo>',
    'fetch a repo now: [model:|dataset:|space:]ID[@REF]',
    `$ hubmesh pull lj1995/GPT-SoVITS
     $ hubmesh pull owner/name@v1.0 --to ./model        files in ./model, sharing the disk space of the store
     $ hubmesh pull dataset:owner/name --include '*.json' --exclude 'old/*'`,
  )
    .option('--to <dir>', 'place the files there, as DIR/PATH: reflinks, else read-only hard links, else copies')
    .option('--copy', 'with --to: own copies that may be changed')
    .option('--include <glob>', 'only files that match; may be repeated', collect, [])
    .option('--exclude <glob>', 'no files that match; may be repeated', collect, [])
    .option('--json', 'the result as JSON')
    .action(async (repo, flags) => (await import('./commands/tasks.ts')).pull(repo, flags))
  command(
    program,
    'publish <dir> <repo>',
    'make a local folder a revision of a repo of your own; returns when it is out',
    `$ hubmesh publish ./my-model acme/my-model
     $ hubmesh publish ./my-model acme/my-model@v2 -m 'trained on more data'`,
  )
    .option('-m, --message <text>', 'what has changed')
    .option('--json', 'the result as JSON')
    .action(async (directory, repo, flags) => (await import('./commands/tasks.ts')).publish(directory, repo, flags))
}

const OVERVIEW = `
First steps:
  $ hubmesh up --seed --mirror lj1995/GPT-SoVITS   a seed: mirrors from the Hub
  $ hubmesh ticket                                 an invitation, to be pasted in an office
  $ hubmesh join TICKET && hubmesh up              an office
  $ HF_ENDPOINT=http://127.0.0.1:8642 hf download lj1995/GPT-SoVITS

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
`
