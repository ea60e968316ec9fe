import { type Answer, text } from '../answer.ts'
import { EXPOSITION_TYPE, writeExposition } from '../metrics/exposition.ts'
import { statusMetrics } from '../metrics/status-metrics.ts'
import { within } from '../patience.ts'
import { type Handler, STATUS_PATIENCE_MS } from './request.ts'

/** `/-/metrics`, for whoever may read the status: it says the same. */
export const metrics: Handler<'metrics'> = async (room, _route, { signal }): Promise<Answer> => {
  const status = await within(() => room.status(), { signal, ms: STATUS_PATIENCE_MS })
  return text(writeExposition([...statusMetrics(status), ...room.metrics()]), {
    'Content-Type': EXPOSITION_TYPE,
    'Cache-Control': 'no-store',
  })
}
