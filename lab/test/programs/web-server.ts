/** `web-server PORT TEXT`: answers every request on every address with the text. */
import { createServer } from 'node:http'

const [port, text] = process.argv.slice(2)
createServer((_, response) => response.end(text)).listen(Number(port), '::', () => console.log('listening'))
