const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `0 B`, `1.5 KiB`, `23 MiB`: three digits at most before the unit. */
export function formatBytes(count: number): string {
  let value = count
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 9.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

export function formatRoundTrip(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return '-'
  return `${milliseconds < 10 ? milliseconds.toFixed(2) : milliseconds.toFixed(milliseconds < 100 ? 1 : 0)} ms`
}

/** `just now`, `5 s ago`, `3 min ago`, `2 h ago`, `4 d ago`; a moment to come is `in 5 s`. */
export function formatAge(then: number, now: number): string {
  const seconds = Math.round((now - then) / 1000)
  if (seconds === 0) return 'just now'
  const span = formatSpan(Math.abs(seconds))
  return seconds > 0 ? `${span} ago` : `in ${span}`
}

function formatSpan(seconds: number): string {
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} d`
}
