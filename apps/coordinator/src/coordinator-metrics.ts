import { metricsText } from '@weft/metrics'

/** For Prometheus; docs/running.md describes each. */
export function coordinatorMetrics(status: {
  readonly number: number
  readonly channels: number
  readonly devices: readonly { readonly online: boolean }[]
  readonly refused: Readonly<Record<string, number>>
}): string {
  const online = status.devices.filter((device) => device.online).length
  return metricsText([
    {
      name: 'weft_server_devices',
      help: 'Devices of the mesh, by whether they are online.',
      type: 'gauge',
      samples: [
        { value: online, labels: { state: 'online' } },
        { value: status.devices.length - online, labels: { state: 'offline' } },
      ],
    },
    {
      name: 'weft_server_channels',
      help: 'Open channels of devices.',
      type: 'gauge',
      samples: [{ value: status.channels }],
    },
    {
      name: 'weft_server_changes_total',
      help: 'Changes of the mesh since it was made.',
      type: 'counter',
      samples: [{ value: status.number }],
    },
    {
      name: 'weft_server_refused_total',
      help: 'What strangers sent and what was done without, by reason.',
      type: 'counter',
      samples: Object.entries(status.refused).map(([reason, value]) => ({ value, labels: { reason } })),
    },
  ])
}
