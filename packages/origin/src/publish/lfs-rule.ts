import { MIB, globMatcher } from '@hubmesh/content'

/** The Hub takes no larger file into git itself. */
const LFS_ABOVE_BYTES = 10 * MIB

/** What a new repo on the Hub has in its `.gitattributes`. */
const LFS_SUFFIXES =
  '7z arrow bin bz2 ckpt ftz gguf gz h5 joblib lfs.* mlmodel model msgpack npy npz onnx ot parquet pb pickle pkl pt pth ' +
  'rar safetensors tar tar.* tflite tgz wasm xz zip zst'
const LFS_PATTERNS = LFS_SUFFIXES.split(' ').map((suffix) => `*.${suffix}`)

const matches = globMatcher([...LFS_PATTERNS, '*tfevents*', 'saved_model/*'])

/** Whether a file is an LFS file: by its name, or by its size. Git LFS makes no pointer of an empty file. */
export const isLfs = (path: string, size: number): boolean => size > LFS_ABOVE_BYTES || (size > 0 && matches(path))
