import { type Measurement, pairedRatio } from '../measurement.ts'

interface Quantity {
  readonly unit: string
  /** By who was measured. */
  readonly values: Map<string, number[]>
}

/** What was measured of several, in turns; the first is compared with each of the others, round by round. */
export class Notes {
  readonly #quantities = new Map<string, Quantity>()

  add(who: string, name: string, unit: string, value: number): void {
    const quantity: Quantity = this.#quantities.get(name) ?? { unit, values: new Map() }
    this.#quantities.set(name, quantity)
    quantity.values.set(who, [...(quantity.values.get(who) ?? []), value])
  }

  measurements(): readonly Measurement[] {
    return [...this.#quantities].flatMap(([name, { unit, values }]) => {
      const all = [...values].map(([who, each]): Measurement => ({ name: `${who}: ${name}`, unit, values: each }))
      const [first, ...others] = all
      const [own = '', ...names] = [...values.keys()]
      if (first === undefined) return []
      return [...all, ...others.map((other, i) => pairedRatio(`${own} over ${names[i]}: ${name}`, first, other))]
    })
  }
}
