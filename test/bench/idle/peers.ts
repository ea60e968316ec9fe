/** Whole meshes without a disk for their bytes: `peers.ts COUNT FOLDER TICKET` runs so many of them, and says when all have started. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createMeter, silentLog } from '@hubmesh/content'
import { createMesh } from '@hubmesh/mesh'
import { createMemoryStore } from '@hubmesh/testing'
import { decodeTicket, loadIdentity } from '@hubmesh/trust'

const [, , count = '1', folder = '', text = ''] = process.argv
const { networkKey, addresses } = decodeTicket(text)

for (let number = 0; number < Number(count); number += 1) {
  const dataDir = join(folder, String(number))
  await mkdir(dataDir, { recursive: true })
  const meter = createMeter()
  const mesh = await createMesh(
    {
      privateKey: await loadIdentity(join(dataDir, 'identity.key')),
      log: silentLog,
      meter,
      ...createMemoryStore({ meter }),
    },
    {
      networkKeys: [networkKey],
      listen: ['/ip4/127.0.0.1/tcp/0'],
      announce: [],
      bootstrap: addresses,
      site: `office-${number}`,
      role: 'peer',
      mdns: false,
      dataDir,
    },
  )
  await mesh.start()
}
console.log('started')
