/** `captive-portal PORT PAGE`: sends whoever asks for anything to the page, as a hotel does until one has signed in. */
import { createServer } from 'node:http'

const [port, page = ''] = process.argv.slice(2)
createServer((_, response) => response.writeHead(302, { location: page }).end()).listen(Number(port), '::', () =>
  console.log('listening'),
)
