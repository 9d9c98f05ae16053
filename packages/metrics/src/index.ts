/** Metrics as Prometheus reads them: its text format 0.0.4. */
export { METRICS_TYPE, type Metric, metricsText } from './metrics-text.ts'
