let loading: Promise<ReadonlySet<string>> | null = null;

/**
 * The 49,233 passwords that are used most, in lower case and NFC.
 *
 * Read once, by the first call: it takes some 40 ms and 5 MB, which neither the start
 * nor an instance that only answers checks should pay for.
 */
export function loadCommonPasswords(): Promise<ReadonlySet<string>> {
  loading ??= load();
  return loading;
}

async function load(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import("@zxcvbn-ts/language-common");
  return new Set(dictionary["passwords-common"].map((password) => password.normalize("NFC").toLowerCase()));
}
