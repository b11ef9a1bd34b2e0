/**
 * Stands in for the polyfill of `Reflect` metadata that the certificate library's
 * container asks for as it is loaded: it notes no metadata and finds none. Import it first.
 */
Object.assign(Reflect, { defineMetadata() {}, getMetadata() {}, getOwnMetadata() {} });
