/**
 * Asks about repos with @huggingface/hub and prints the answers as JSON.
 *
 *     HF_ENDPOINT=http://127.0.0.1:8642 node info.mjs owner/model owner/dataset owner/space owner/private
 */
import {
  checkRepoAccess,
  countCommits,
  datasetInfo,
  downloadFile,
  listCommits,
  listDatasets,
  listModels,
  modelInfo,
  parseSafetensorsMetadata,
  repoExists,
  spaceInfo,
  whoAmI,
} from '@huggingface/hub'

const hubUrl = process.env.HF_ENDPOINT
const [model, dataset, space, hidden] = process.argv.slice(2)

const all = (items) => Array.fromAsync(items)
const errorOf = async (asked) => asked.then(() => null).catch((error) => [error.name, error.statusCode ?? null])

const answers = {
  model: await modelInfo({ name: model, hubUrl, additionalFields: ['sha', 'tags', 'cardData', 'author'] }),
  'at the tag': (await modelInfo({ name: model, revision: 'v1', hubUrl, additionalFields: ['sha'] })).sha,
  dataset: await datasetInfo({ name: dataset, hubUrl, additionalFields: ['sha'] }),
  space: await spaceInfo({ name: space, hubUrl, additionalFields: ['sha'] }),
  commits: (await all(listCommits({ repo: model, hubUrl }))).map(({ oid, title }) => [oid, title]),
  safetensors: await parseSafetensorsMetadata({ repo: model, hubUrl }),
  count: await countCommits({ repo: model, hubUrl }),
  listed: (await all(listModels({ search: { query: model }, hubUrl }))).map(({ name }) => name),
  'listed datasets': (await all(listDatasets({ search: { query: dataset }, hubUrl }))).map(({ name }) => name),
  there: [await repoExists({ repo: model, hubUrl }), await repoExists({ repo: `${model}-not`, hubUrl })],
  access: await errorOf(checkRepoAccess({ repo: model, hubUrl })),
  'no access': await errorOf(checkRepoAccess({ repo: hidden, hubUrl })),
  'logged in': (await whoAmI({ accessToken: 'hf_any', hubUrl }).catch(() => null)) !== null, // any token will do at a mirror
  'no such repo': await errorOf(downloadFile({ repo: `${model}-not`, path: 'README.md', hubUrl })),
  'no such revision': await errorOf(downloadFile({ repo: model, revision: 'none', path: 'README.md', hubUrl })),
}
console.log(JSON.stringify(answers))
