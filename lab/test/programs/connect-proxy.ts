/**
 * `connect-proxy PORT [ANSWER]`: an HTTP proxy that lets CONNECT through to port 443 only, as a company's would; prints what it
 * was asked for. With ANSWER it says that to whoever comes, and closes.
 */
import { createServer } from 'node:http'
import { connect, createServer as createTcpServer, type Socket } from 'node:net'

const [port = '', answer] = process.argv.slice(2)

function onConnect(target: string, client: Socket): void {
  const [, host = '', targetPort = ''] = /^\[?([^\]]*)\]?:(\d+)$/.exec(target) ?? []
  console.log(`asked for ${target}`)
  if (targetPort !== '443') {
    client.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    return
  }
  const server = connect(Number(targetPort), host, () => {
    client.write('HTTP/1.1 200 Connection established\r\n\r\n')
    server.pipe(client).pipe(server)
  })
  server.on('error', () => client.destroy())
  client.on('error', () => server.destroy())
  client.on('close', () => server.destroy())
}

const server =
  answer === undefined
    ? createServer().on('connect', ({ url = '' }, client) => onConnect(url, client as Socket))
    : createTcpServer((socket) => {
        socket.on('error', () => {})
        socket.end(answer)
        console.log('answered')
      })
server.listen(Number(port), '::', () => console.log('listening'))
