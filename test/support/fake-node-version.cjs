// Loaded into a process before anything else, this makes it pass for another version of Node.
const versions = { ...process.versions, node: process.env.NODE_VERSION_TO_FAKE };
globalThis.process = new Proxy(process, {
  get: (real, name) => (name === "versions" ? versions : Reflect.get(real, name)),
});
