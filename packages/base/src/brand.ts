declare const brand: unique symbol

/** A type of its own made of another: only its constructor makes one. */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name }
