import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metricsText } from '../src/index.ts'

test('each metric has its help, its type and a line for each sample; empty ones are left out', () => {
  const text = metricsText([
    { name: 'weft_up', help: 'whether', type: 'gauge', samples: [{ value: 1 }] },
    { name: 'weft_none', help: 'none', type: 'gauge', samples: [] },
    {
      name: 'weft_x_total',
      help: 'x',
      type: 'counter',
      samples: [{ value: 2.5, labels: { peer: 'a"b\\c\nd', way: 'x' } }],
    },
  ])
  assert.equal(
    text,
    '# HELP weft_up whether\n# TYPE weft_up gauge\nweft_up 1\n' +
      '# HELP weft_x_total x\n# TYPE weft_x_total counter\nweft_x_total{peer="a\\"b\\\\c\\nd",way="x"} 2.5\n',
  )
})
