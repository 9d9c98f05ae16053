import { type Duration, milliseconds, type Rate, seconds } from '@weft/base'

/** The first four bytes of a datagram, little-endian: the message's type and three reserved zero bytes. */
export const MESSAGE_INITIATION = 1
export const MESSAGE_RESPONSE = 2
export const MESSAGE_COOKIE_REPLY = 3
export const MESSAGE_TRANSPORT = 4

/** Whole messages, in bytes. None of the three may be shorter or longer. */
export const INITIATION_LENGTH = 148
export const RESPONSE_LENGTH = 92
export const COOKIE_REPLY_LENGTH = 64
/** What stands before the sealed packet in transport data, and behind it: bytes. */
export const TRANSPORT_HEADER = 16
export const TAG = 16

/** A 64-bit counter of transport data in two unsigned halves. */
export interface Counter {
  readonly low: number
  readonly high: number
}

// WireGuard paper §6.1, table of constants.
/** 2^60: sending with a counter from here on asks for a new handshake. */
export const REKEY_AFTER_MESSAGES: Counter = { low: 0, high: 2 ** 28 }
/** 2^64 - 2^13 - 1: no counter from here on is sent or accepted. */
export const REJECT_AFTER_MESSAGES: Counter = { low: 0xffff_dfff, high: 0xffff_ffff }
export const REKEY_AFTER_TIME: Duration = seconds(120)
export const REJECT_AFTER_TIME: Duration = seconds(180)
export const REKEY_ATTEMPT_TIME: Duration = seconds(90)
export const REKEY_TIMEOUT: Duration = seconds(5)
export const KEEPALIVE_TIMEOUT: Duration = seconds(10)

/** How long a cookie is used after it came, and how long the secret lasts that cookies are made with. */
export const COOKIE_LIFE: Duration = seconds(120)
export const COOKIE_SECRET_LIFE: Duration = seconds(120)

/** Added to a handshake's deadlines, so that two ends do not meet again and again. WireGuard paper §6.1. */
export const REKEY_JITTER_LIMIT: Duration = milliseconds(333)
/** An initiator that receives later than this renews: 180 s - 10 s - 5 s. WireGuard paper §6.2. */
export const REKEY_AFTER_TIME_RECEIVING: Duration = seconds(165)
/** Data without an answer for so long asks for a new handshake. WireGuard paper §6.5. */
export const UNANSWERED_TIMEOUT: Duration = seconds(15)
/** After so long without a new session all keys are forgotten: 3 × 180 s. WireGuard paper §6.3. */
export const FORGET_AFTER_TIME: Duration = seconds(540)
/** A peer's initiations that follow one another faster than this are dropped, as other implementations do: 50 a second. */
export const INITIATION_INTERVAL: Duration = milliseconds(20)
/** How long the end that gives way waits for the other's session when initiations cross; a round trip fits in. */
export const CROSSING_TIMEOUT: Duration = seconds(1)

/** Persistent keepalives: seconds between them, as other implementations take them. */
export const MAX_PERSISTENT_KEEPALIVE: Duration = seconds(65_535)

/**
 * Handshake messages that are worked on without asking for a cookie: a second about a quarter of what one core does.
 */
export const AT_EASE: Rate = { burst: 128, perSecond: 250 }
/** As wireguard-go: load that has gone is not believed at once. */
export const UNDER_LOAD_FOR: Duration = seconds(1)
/** Handshakes of each source address while under load, as other implementations have it. */
export const ORIGIN_RATE: Rate = { burst: 5, perSecond: 20 }
/** Source addresses that are limited at the same time, about 350 bytes each. */
export const MAX_LIMITED_ORIGINS = 4096

/** How far ahead of what is sent the latest timestamp is put on disk: one write in so long, and a lead of that much at most. */
export const TIMESTAMP_LEAD: Duration = seconds(60)
