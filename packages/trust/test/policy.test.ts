import { parseRepoSpec } from '@hubmesh/content'
import { beforeAll, describe, expect, it } from 'vitest'
import { createPolicy } from '../src/index.ts'
import { signerNumber } from './fixtures.ts'

let one: string
let two: string

beforeAll(async () => {
  ;[one, two] = (await Promise.all([1, 2].map(async (number) => (await signerNumber(number)).publisher))) as [
    string,
    string,
  ]
})

describe('a policy', () => {
  it.each([
    ['**', 'model:gpt2', true],
    ['**', 'dataset:acme/words', true],
    ['*', 'acme/voice', true],
    ['acme/*', 'acme/voice', true],
    ['acme/*', 'dataset:acme/voice', true],
    ['acme/*', 'acme-evil/voice', false],
    ['acme/*', 'evil/acme/', false],
    ['acme/', 'acme/voice', true],
    ['acme/voice', 'acme/voice', true],
    ['acme/voice', 'acme/voice2', false],
    ['Acme/*', 'acme/voice', false],
    ['dataset:acme/*', 'dataset:acme/words', true],
    ['dataset:acme/*', 'model:acme/words', false],
    ['model:**', 'space:acme/demo', false],
  ])('rule %s and repo %s: %s', (glob, spec, expected) => {
    const policy = createPolicy([{ publishers: [one], threshold: 1, repos: [glob] }])
    const repo = spec.endsWith('/') ? { type: 'model' as const, id: spec } : parseRepoSpec(spec)
    expect(policy.ruleFor(repo) !== undefined).toBe(expected)
    expect(policy.trusts(one, repo)).toBe(expected)
    expect(policy.trusts(two, repo)).toBe(false)
  })

  it('lets the first rule that matches decide', () => {
    const policy = createPolicy([
      { publishers: [two], threshold: 1, repos: ['acme/*'] },
      { publishers: [one], threshold: 1, repos: ['**'] },
    ])
    expect(policy.trusts(one, parseRepoSpec('acme/voice'))).toBe(false)
    expect(policy.trusts(two, parseRepoSpec('acme/voice'))).toBe(true)
    expect(policy.trusts(one, parseRepoSpec('gpt2'))).toBe(true)
    expect([policy.knows(one), policy.knows(two), policy.knows('12D3KooWnobody')]).toEqual([true, true, false])
  })

  it('without a rule trusts nobody', () => {
    const policy = createPolicy([])
    expect(policy.ruleFor(parseRepoSpec('gpt2'))).toBeUndefined()
    expect(policy.knows(one)).toBe(false)
  })

  it.each<[string, object]>([
    ['no publisher', { publishers: [] }],
    ['a publisher that is no peer id', { publishers: ['me'] }],
    ['a threshold of 0', { threshold: 0 }],
    ['half a threshold', { threshold: 0.5 }],
    ['a threshold over the publishers', { threshold: 2 }],
    ['no repo', { repos: [] }],
    ['an unknown type', { repos: ['bucket:acme/*'] }],
  ])('is not made of a rule with %s', (_, change) => {
    const rule = { publishers: [one], threshold: 1, repos: ['**'], ...change }
    expect(() => createPolicy([rule])).toThrowError(
      expect.objectContaining({ code: 'config', hint: expect.any(String) }),
    )
  })

  it('does not count a publisher that is named twice as two', () => {
    expect(() => createPolicy([{ publishers: [one, one], threshold: 2, repos: ['**'] }])).toThrow(/threshold/)
  })
})
