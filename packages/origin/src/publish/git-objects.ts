import { createHash } from 'node:crypto'
import { type DirectoryEntry, type GitOid, MeshError, type Sha256, gitBlobOid } from '@hubmesh/content'

/**
 * Object ids as git computes them (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects): a revision that is published
 * here has the commit sha that git gives the same content.
 */

export interface TreeFile {
  readonly path: string
  /** Of what git holds: the content, or an LFS file's pointer. */
  readonly oid: GitOid
  readonly isExecutable: boolean
}

export interface Trees {
  readonly root: GitOid
  /** Every folder below the root. */
  readonly directories: readonly DirectoryEntry[]
}

export interface CommitText {
  readonly tree: GitOid
  readonly parent: GitOid | undefined
  /** Author and committer: a name without `<`, `>` and line breaks. */
  readonly author: string
  /** Whole seconds count. */
  readonly date: Date
  readonly message: string
}

/** What git keeps in place of an LFS file (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md). */
export const lfsPointer = (sha256: Sha256, size: number): Uint8Array =>
  Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${size}\n`)

/** @throws MeshError `bad-input` for a path that is a file and a folder, or a file twice */
export const hashTrees = (files: Iterable<TreeFile>): Trees => {
  const root: Folder = new Map()
  for (const file of files) place(root, file)
  const directories: DirectoryEntry[] = []
  return { root: hashFolder(root, '', directories), directories }
}

/** As `git commit-tree` writes it: the message ends in one line break. */
export const hashCommit = ({ tree, parent, author, date, message }: CommitText): GitOid => {
  const signature = `${author} <${author}@hubmesh.invalid> ${Math.floor(date.getTime() / 1000)} +0000`
  const parents = parent === undefined ? '' : `parent ${parent}\n`
  const end = message.endsWith('\n') ? '' : '\n'
  const text = `tree ${tree}\n${parents}author ${signature}\ncommitter ${signature}\n\n${message}${end}`
  return hashObject('commit', Buffer.from(text))
}

/** The oid of a file as git holds it. */
export const pointerOid = (sha256: Sha256, size: number): { oid: GitOid; pointerSize: number } => {
  const pointer = lfsPointer(sha256, size)
  return { oid: gitBlobOid(pointer), pointerSize: pointer.length }
}

type Folder = Map<string, Folder | TreeFile>

const place = (root: Folder, file: TreeFile): void => {
  const names = file.path.split('/')
  const name = names.pop() ?? file.path
  let folder = root
  for (const part of names) {
    const next = folder.get(part) ?? new Map()
    if (!(next instanceof Map)) throw new MeshError('bad-input', `${file.path} is below a file`)
    folder.set(part, next)
    folder = next
  }
  if (folder.has(name)) throw new MeshError('bad-input', `${file.path} is there twice`)
  folder.set(name, file)
}

const hashFolder = (folder: Folder, path: string, directories: DirectoryEntry[]): GitOid => {
  const rows = Array.from(folder, ([name, child]) => {
    const below = path === '' ? name : `${path}/${name}`
    if (child instanceof Map) {
      const oid = hashFolder(child, below, directories)
      directories.push({ path: below, oid })
      return { name, mode: '40000', oid, rank: Buffer.from(`${name}/`) } // git sorts a folder as if its name ended so
    }
    return { name, mode: child.isExecutable ? '100755' : '100644', oid: child.oid, rank: Buffer.from(name) }
  })
  rows.sort((a, b) => Buffer.compare(a.rank, b.rank))
  return hashObject(
    'tree',
    Buffer.concat(rows.flatMap(({ mode, name, oid }) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(oid, 'hex')])),
  )
}

const hashObject = (type: 'tree' | 'commit', body: Uint8Array): GitOid =>
  createHash('sha1').update(`${type} ${body.length}\0`).update(body).digest('hex') as GitOid
