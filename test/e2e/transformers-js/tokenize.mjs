/**
 * Loads a model's configuration and tokenizer with Transformers.js, and prints what they make of a sentence as JSON. It does
 * not read HF_ENDPOINT: `env.remoteHost` says where from.
 *
 *     HF_ENDPOINT=http://127.0.0.1:8642 node tokenize.mjs owner/name main
 */
import { AutoConfig, AutoTokenizer, env } from '@huggingface/transformers'

env.remoteHost = process.env.HF_ENDPOINT
env.cacheDir = 'cache'
env.allowLocalModels = false

const [model, revision] = process.argv.slice(2)
const config = await AutoConfig.from_pretrained(model, { revision })
const tokenizer = await AutoTokenizer.from_pretrained(model, { revision })
console.log(
  JSON.stringify({ type: config.model_type, tokens: tokenizer.tokenize('Hello 世界', { add_special_tokens: true }) }),
)
