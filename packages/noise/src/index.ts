/** The Noise protocol framework (revision 34): the symmetric state, the IK handshake in both roles, and its transport. */
export { IkInitiator, IkResponder, type SecondMessage } from './ik.ts'
export { SymmetricState } from './symmetric-state.ts'
export { NoiseTransport } from './transport.ts'
