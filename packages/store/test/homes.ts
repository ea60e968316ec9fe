import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { createMeter, silentLog } from '@hubmesh/content'
import { type Store, openStore } from '../src/index.ts'

export interface TestHome {
  readonly home: string
  /** Opens the store, or opens it again: the one before is closed first. */
  open(): Promise<Store>
  close(): Promise<void>
}

/** Homes that are removed after each test. */
export const useHomes = (): (() => Promise<TestHome>) => {
  const homes: TestHome[] = []
  afterEach(async () => {
    for (const home of homes.splice(0)) {
      await home.close()
      await rm(home.home, { recursive: true })
    }
  })
  return async () => {
    const home = createHome(await mkdtemp(join(tmpdir(), 'hubmesh-store-')))
    homes.push(home)
    return home
  }
}

const createHome = (home: string): TestHome => {
  let store: Store | undefined
  const close = async (): Promise<void> => {
    await store?.close()
    store = undefined
  }
  return {
    home,
    open: async () => {
      await close()
      store = await openStore({ home, log: silentLog, meter: createMeter() })
      return store
    },
    close,
  }
}
