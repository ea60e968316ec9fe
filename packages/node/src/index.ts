/**
 * A whole node: configuration, wiring, start and stop. The one room that knows all others.
 *
 *     const config = await loadConfig(homeFolder(), { seed: true, mirror: ['owner/name'] })
 *     const node = await createNode(config, { log: createLog() })
 *     console.log(node.run.gateway)
 *     await node.stop()
 */
export { type NodeConfig, configPath, loadConfig } from './config.ts'
export { type ConfigInput, configJsonSchema } from './config-schema.ts'
export { type ControlClient, type TaskOptions, openControl } from './control-client.ts'
export { type HubmeshNode, createNode } from './create-node.ts'
export { homeFolder, prepareHome } from './home.ts'
export { type JoinOptions, type JoinResult, joinMesh } from './join.ts'
export { createLog } from './log.ts'
export { type RunInfo, findRunningNode, refuseSecondNode } from './run-file.ts'
