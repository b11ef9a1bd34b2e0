import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { VerifierUnavailable } from "../../src/verifier/api.ts";
import type { Report } from "../../src/verifier/guard/report.ts";
import { type BenchVerifier, createBenchVerifier } from "../support/bench-verifier.ts";
import { STALENESS_BOUND_MS } from "../support/check-bench.ts";
import { eventually } from "../support/eventually.ts";
import { Shop } from "../support/guarded-shop.ts";
import { createShopBench } from "../support/shop-callers.ts";
import { createShopHandlers, type ShopHandlers } from "../support/shop-handlers.ts";
import { bearing, SHOP_FORMS, type ShopClient, shopClient } from "../support/shop-servers.ts";
import { createRequests, open } from "../support/shop-streams.ts";

describe.each(SHOP_FORMS)("A guard that only reports, before $name,", (form) => {
  let bench: Awaited<ReturnType<typeof createShopBench>>;
  let verifier: BenchVerifier;
  let handlers: ShopHandlers;
  let shop: ShopClient;
  let reports: Report[];
  let onReport: (report: Report) => void;

  beforeEach(async () => {
    bench = await createShopBench();
    verifier = createBenchVerifier(bench);
    handlers = createShopHandlers();
    reports = [];
    onReport = (report) => void reports.push(report);
    const reportOnly = { onReport: (report: Report) => onReport(report) };
    shop = shopClient(form, await form.serve({ verifier, services: [Shop], reportOnly }, handlers));
  });

  it("lets everybody pass, and tells whom it would have refused and why, without a token", async () => {
    const refused = Object.values(await bench.refusedTokens());
    for (const [, token] of refused) await shop.buy({}, bearing(token));
    expect(handlers.seen).toEqual(refused.map(() => "Buy nobody"));
    expect(reports.map(({ method, reason, denied }) => [method, reason, denied?.reason])).toEqual(
      refused.map(([reason]) => ["shop.v1.Shop.Buy", reason, reason]),
    );
    const told = JSON.stringify(reports);
    for (const [, token] of refused.filter(([, text]) => text !== "")) expect(told).not.toContain(token);
  });

  it("tells what was missing, in the words that the client would have got", async () => {
    await shop.refund({}, bearing(await bench.issue({ roles: ["clerk"] })));
    expect(reports).toMatchObject([
      {
        method: "shop.v1.Shop.Refund",
        reason: "PERMISSION_MISSING",
        message: "needs the permission orders:refund",
        denied: { missingPermissions: ["orders:refund"], nextStep: "NONE" },
      },
    ]);
  });

  it("shows handlers who calls, and reports nothing, where nothing would be refused", async () => {
    expect((await shop.buy({ value: "a pen" }, bearing(await bench.issue()))).value).toBe("usr_1: a pen");
    await shop.browse({});
    expect(reports).toEqual([]);
  });

  it("lets pass what is malformed, and what nobody can tell about", async () => {
    await shop.browse({}, { headers: { authorization: "Basic YWRhOnB3" } });
    const token = await bench.issue();
    bench.clock.advance(STALENESS_BOUND_MS + 1);
    await shop.buy({}, bearing(token));
    expect(reports).toMatchObject([
      { method: "shop.v1.Shop.Browse", reason: "AUTHORIZATION_MALFORMED", denied: null },
      { method: "shop.v1.Shop.Buy", reason: "TOO_STALE", denied: null },
    ]);
    expect(reports[1]?.cause).toBeInstanceOf(VerifierUnavailable);
    expect(handlers.seen).toEqual(["Browse nobody", "Buy nobody"]);
  });

  it("lets streams go on, and tells when they would have ended", async () => {
    const requests = createRequests();
    requests.send("a message");
    const upload = shop.upload(requests.messages, bearing(await bench.issue({ roles: ["clerk"] })));
    await eventually(() => handlers.read).toEqual(["a message"]);
    bench.revocations.note({ kind: "session_ended", sessionId: "ses_1", expiresAt: bench.clock.now() + 600_000 });
    verifier.news();
    expect(reports).toMatchObject([{ method: "shop.v1.Shop.Upload", reason: "SESSION_REVOKED" }]);
    requests.send("another");
    requests.finish();
    expect((await upload).value).toBe("2");
    expect(await open(shop.follow({ value: "1" })).ended).toBeNull();
    expect(reports[1]).toMatchObject({ method: "shop.v1.Shop.Follow", reason: "TOKEN_MISSING" });
  });

  it("lets calls pass though whoever is told has a fault, which becomes a warning", async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on("warning", note);
    onTestFinished(() => void process.off("warning", note));
    onReport = () => {
      throw new Error("the log is full");
    };
    await shop.buy({});
    expect(handlers.seen).toEqual(["Buy nobody"]);
    await eventually(() => warnings.map(({ message }) => message)).toContain("the log is full");
  });
});
