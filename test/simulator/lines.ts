import type { Bad } from './bad.ts'
import { type Link, createLink } from './network.ts'

/** A node and its line to the world, in Mbit/s. */
export interface NodeShape {
  readonly id: string
  readonly site: string
  readonly isSeed: boolean
  readonly up: number
  readonly down: number
  /** It wants nothing, says that it has all, and harms whoever asks it. */
  readonly bad?: Bad
  /** It has all, and is no seed. */
  readonly isFull?: boolean
  /** Its port inside the site, in Mbit/s, where it is not like the others'. */
  readonly port?: number
  /** Somebody reads the file there at so many Mbit/s; else it pulls it. */
  readonly reads?: number
}

/** It wants the file. */
export const isTaker = ({ isSeed, isFull, bad }: NodeShape): boolean => !isSeed && isFull !== true && bad === undefined

/** What lies between nodes. */
export interface Distances {
  /** Inside a site: each node's port, and the round trip. */
  readonly inside: { readonly mbits: number; readonly rttMs: number }
  /** Between sites: the round trip, and, where all that goes from one site to another shares a line, its rate. */
  readonly between: { readonly rttMs: number; readonly mbits?: number }
}

/** The links on the way from one node to another. */
export interface Lines {
  links(from: NodeShape, to: NodeShape): readonly Link[]
  rttMs(from: NodeShape, to: NodeShape): number
}

export const createLines = ({ inside, between }: Distances): Lines => {
  const links = new Map<string, Link>()
  const link = (name: string, mbits: number): Link => {
    const known = links.get(name) ?? createLink(mbits)
    links.set(name, known)
    return known
  }
  const portOf = ({ port }: NodeShape): number => port ?? inside.mbits
  return {
    links: (from, to) => {
      if (from.site === to.site) return [link(`${from.id} in`, portOf(from)), link(`in ${to.id}`, portOf(to))]
      const shared = between.mbits === undefined ? [] : [link(`${from.site} ${to.site}`, between.mbits)]
      return [link(`${from.id} up`, from.up), ...shared, link(`down ${to.id}`, to.down)]
    },
    rttMs: (from, to) => (from.site === to.site ? inside.rttMs : between.rttMs),
  }
}
