import { readdir, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { digestContent, openContent } from './content.ts'
import type { HubFile } from './repo.ts'

/**
 * What is not as in the source: missing files, files of other bytes, files that the source has not. Links are followed, as
 * in the snapshots of a Hugging Face cache.
 * @returns one sentence for each difference; none when the folder is the source, byte for byte
 */
export const differencesFrom = async (source: ReadonlyMap<string, HubFile>, folder: string): Promise<string[]> => {
  const found = new Set(await filesBelow(folder))
  const extra = [...found].filter((path) => !source.has(path)).map((path) => `${path} is not in the source`)
  const differences: string[] = []
  for (const file of source.values()) {
    const difference = found.has(file.path) ? await compare(file, join(folder, file.path)) : 'is missing'
    if (difference !== undefined) differences.push(`${file.path} ${difference}`)
  }
  return [...differences, ...extra]
}

const compare = async (file: HubFile, path: string): Promise<string | undefined> => {
  const content = await openContent({ path })
  if (content.size !== file.size) return `has ${content.size} bytes, not ${file.size}`
  const { sha256 } = await digestContent(content)
  return sha256 === file.sha256 ? undefined : `has other bytes: ${sha256}, not ${file.sha256}`
}

const filesBelow = async (folder: string): Promise<string[]> => {
  const files: string[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if ((await stat(path)).isFile()) files.push(relative(folder, path).split(sep).join('/'))
  }
  return files
}
