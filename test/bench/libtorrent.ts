import { fileURLToPath } from 'node:url'
import { isInstalled } from './installed.ts'

/** Debian's, which has its library; another of the path may not. */
export const PYTHON = '/usr/bin/python3'

/** Says itself what it takes. */
export const BITTORRENT = fileURLToPath(new URL('bittorrent.py', import.meta.url))

export const hasLibtorrent = (): boolean => isInstalled(PYTHON, '-c', 'import libtorrent')
