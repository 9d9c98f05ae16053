/** `udp-sink PORT`: prints each datagram that comes, in hexadecimal. */
import { createSocket } from 'node:dgram'

const socket = createSocket({ type: 'udp6', ipv6Only: false })
socket.on('message', (datagram) => console.log(datagram.toString('hex')))
socket.bind(Number(process.argv[2]), '::', () => console.log('listening'))
