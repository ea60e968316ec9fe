/**
 * HTTP, as Hub clients expect it, over what a library has; and the control socket for all that changes state.
 *
 *     const gateway = createGateway({ library, status, ready, log }, { host: '127.0.0.1', port: 8642 })
 *     const { url } = await gateway.start() // HF_ENDPOINT=url
 *     const server = createControlServer({ control, log }, { path: '/home/me/.hubmesh/control.sock' })
 *     await server.start()
 */
export { type ControlServer, createControlServer } from './control/server.ts'
export { type Gateway, type GatewayComponents, type GatewayOptions, createGateway } from './gateway.ts'
