/** `http-only-proxy PORT UPSTREAM`: passes requests on to that URL, and closes whatever would become something else. */
import { createServer } from 'node:http'

const [port, upstream] = process.argv.slice(2)
createServer(async (request, response) => {
  const answer = await fetch(new URL(request.url ?? '/', upstream))
  response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' })
  response.end(await answer.text())
})
  .on('upgrade', (_, socket) => socket.destroy())
  .listen(Number(port), '::', () => console.log('listening'))
