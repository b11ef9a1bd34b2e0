/** The login flow on a real core, over a password hasher that the test may slow down or count. */

import { createAudit } from "../../src/audit/audit.ts";
import type { Core } from "../../src/core.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { createLog } from "../../src/log.ts";
import { createLogin, type Login } from "../../src/login/login.ts";
import { createTokenPairIssuer } from "../../src/login/token-pair.ts";
import type { PasswordHasher } from "../../src/passwords/password-hasher.ts";
import { createCommit } from "../../src/revocations/commit.ts";
import { createLogFollower } from "../../src/revocations/log-follower.ts";
import { createSessionLife } from "../../src/sessions/session-life.ts";
import { createAccessTokenIssuer } from "../../src/tokens/access-token-issuer.ts";
import { createAudiencePolicy } from "../../src/tokens/audience-policy.ts";
import { createRefreshTokens } from "../../src/tokens/refresh-token.ts";
import type { TestApp } from "./app.ts";

/** The login flow as the composition root builds it, but with this hasher. */
export function loginWith(hasher: PasswordHasher, core: Core, { config, clock }: TestApp): Login {
  const { store, keys, knowledge, feed } = core;
  const random = systemRandom;
  const log = createLog({ level: "silent" });
  const follower = createLogFollower({ store, knowledge, loadKeys: keys.load, feed, clock, earliest: clock.now, log });
  return createLogin({
    readAtOnce: store.readAtOnce,
    commit: createCommit({ store, follower }),
    hasher,
    sessions: createSessionLife({ times: config, random }),
    audiences: createAudiencePolicy(config.audiences),
    issueTokenPair: createTokenPairIssuer({
      issueAccessToken: createAccessTokenIssuer({ issuer: config.issuer, keys, random }),
      refreshTokens: createRefreshTokens({ issuer: config.issuer, keys }),
      accessTokenTtlMs: config.accessTokenTtlMs,
    }),
    audit: createAudit({ random, log }),
  });
}
