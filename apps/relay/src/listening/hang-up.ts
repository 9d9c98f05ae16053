import type { Duplex } from 'node:stream'

/** For the other side to hang up too, in ms. */
const CLOSING = 1_000

/** Answers with the status and nothing else, and ends the connection whether or not the other side does: no server looks after the socket any more. */
export function hangUp(socket: Duplex, status: string): void {
  socket.on('error', () => {})
  if (!socket.writable) {
    socket.destroy()
    return
  }
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  // What is not read makes the system reset the connection, and the answer may be lost with it.
  socket.resume()
  setTimeout(() => socket.destroy(), CLOSING).unref()
}
