/** nginx with `auth_request`, by examples/forward-auth-nginx. */
import { describeProxy } from "./support/proxy-suite.ts";

describeProxy(
  {
    name: "nginx",
    example: "forward-auth-nginx",
    file: "nginx.conf",
    command: (folder) => ["nginx", "-e", "stderr", "-p", folder, "-c", "nginx.conf"],
  },
  {
    // To nginx, whatever is neither leave nor refusal is an error.
    misconfigured: 500,
    unreachable: 500,
    holding: (apiKey) => ({ files: { "api-key.conf": `set $api_key ${apiKey};\n` } }),
  },
);
