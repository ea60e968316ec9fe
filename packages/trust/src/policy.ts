import { MeshError, REPO_TYPES, type RepoRef, repoMatcher } from '@hubmesh/content'
import { isPublisherId } from './identity.ts'

export interface TrustRule {
  /** Peer ids of publishers, in order of preference where two offer the same ref. */
  readonly publishers: readonly string[]
  /** How many of them must have signed a manifest. */
  readonly threshold: number
  /** Globs over `owner/name`, or over `type:owner/name` where one has a `type:`. As `globMatcher`: `*` and `**` match everything. */
  readonly repos: readonly string[]
}

/** Whom this node believes, and for which repos. The first rule that matches a repo decides; no rule, no bytes. */
export interface TrustPolicy {
  readonly rules: readonly TrustRule[]
  ruleFor(repo: RepoRef): TrustRule | undefined
  trusts(publisher: string, repo: RepoRef): boolean
  /** True for a publisher that stands in any rule: only its catalogs are looked at. */
  knows(publisher: string): boolean
}

const MAX_RULES = 1000
const MAX_PUBLISHERS = 64

/** @throws MeshError `config` for a rule that could never hold: no publisher, no peer id, a threshold over their number */
export const createPolicy = (rules: readonly TrustRule[]): TrustPolicy => {
  if (rules.length > MAX_RULES) throw new MeshError('config', `more than ${MAX_RULES} trust rules`)
  const checked = rules.map((rule, index) => checkRule(rule, index + 1))
  const matchers = checked.map((rule) => repoMatcher(rule.repos))
  const known = new Set(checked.flatMap((rule) => rule.publishers))
  const ruleFor = (repo: RepoRef): TrustRule | undefined => checked[matchers.findIndex((matches) => matches(repo))]
  return {
    rules: checked,
    ruleFor,
    trusts: (publisher, repo) => ruleFor(repo)?.publishers.includes(publisher) === true,
    knows: (publisher) => known.has(publisher),
  }
}

const checkRule = (rule: TrustRule, number: number): TrustRule => {
  const fail = (what: string, hint: string): MeshError =>
    new MeshError('config', `trust rule ${number} ${what}`, { hint })
  const publishers = [...new Set(rule.publishers)] // one publisher named twice is still one signature
  if (publishers.length === 0) throw fail('names no publisher', 'give the peer id that `hubmesh id` prints at the seed')
  if (publishers.length > MAX_PUBLISHERS) throw fail(`names over ${MAX_PUBLISHERS} publishers`, 'split the rule')
  if (!publishers.every(isPublisherId))
    throw fail('names a publisher that is no Ed25519 peer id', 'a publisher looks like 12D3KooW…')
  if (!Number.isInteger(rule.threshold) || rule.threshold < 1 || rule.threshold > publishers.length)
    throw fail('has a threshold that cannot be met', `a whole number from 1 to ${publishers.length}, its publishers`)
  if (rule.repos.length === 0) throw fail('names no repo', 'give globs such as owner/*, or ** for all')
  const type = rule.repos.map((glob) => /^([^/]*):/.exec(glob)?.[1]).find((type) => type !== undefined && !isType(type))
  if (type !== undefined) throw fail(`names repos of an unknown type`, `the types are ${REPO_TYPES.join(', ')}`)
  return { publishers, threshold: rule.threshold, repos: [...rule.repos] }
}

const isType = (text: string): boolean => (REPO_TYPES as readonly string[]).includes(text)
