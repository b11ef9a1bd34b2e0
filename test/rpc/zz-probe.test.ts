import { expect, it } from "vitest";
import { startApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { refusalOf } from "../support/refusals.ts";
import { ask1, ask2, envelope } from "../support/wire-raw.ts";
import { welcome } from "../support/people.ts";
it("probe", async () => {
  const app = await startApp();
  const post = (headers: Record<string,string>, body: Uint8Array|string) => ask1(app.port, { method: "POST", path: "/sallyport.auth.v1.AuthService/Signup", headers, body });
  const show = (label: string, a: any) => console.log(label, a.status, JSON.stringify(a.headers), a.body.toString().slice(0, 300));
  const j = { "content-type": "application/json" };
  show("invalid utf8", await post(j, Buffer.concat([Buffer.from('{"username":"alice1","password":"aaaaaaa'), Buffer.from([0xff,0xfe,0xfd]), Buffer.from('bbbb"}')])));
  show("lone", await post(j, '{"username":"alice2","password":"aaaaaaab\\ud800bcc"}'));
  show("bom", await post(j, '\ufeff{"username":"alice3","password":"aaaaaaasdasd"}'));
  show("dup keys", await post(j, '{"username":"alice4","password":"aaaaaaasdasd","password":"bbbbbbasdasd"}'));
  show("unknown", await post(j, '{"username":"alice5","password":"aaaaaaasdasd","extra":1}'));
  show("null", await post(j, 'null'));
  show("array", await post(j, '[]'));
  show("empty", await post(j, ''));
  show("trunc", await post(j, '{"username":'));
  show("number for string", await post(j, '{"username":5}'));
  show("null field", await post(j, '{"username":null, "password":"aaaaaaasdasd"}'));
  const p = { "content-type": "application/proto" };
  show("proto garbage", await post(p, Buffer.from([0xff,0xff,0xff,0xff])));
  show("proto utf8", await post(p, Buffer.from([0x0a,4,0xff,0xfe,0xfd,0xfc])));
  show("proto empty", await post(p, Buffer.alloc(0)));
  const g = { "content-type": "application/grpc", te: "trailers" };
  for (const ct of ["application/grpc", "application/grpc-web+proto", "application/grpc-web-text"]) {
  const a = await ask2(app.port, { method: "POST", path: "/sallyport.auth.v1.AuthService/Signup", headers: {"content-type": ct, te: "trailers"}, body: envelope(Buffer.from([0xff,0xff,0xff])) });
  show(ct, a); console.log(a.trailers);
  }
  const astral = await refusalOf(clientsOf(app.url).auth.signup({ username: "bob1", password: "😀😀😀😀" }));
  console.log(astral);
  const long = await refusalOf(clientsOf(app.url).auth.signup({ username: "bob2", password: "e\u0301".repeat(256) }));
  console.log(long);
  const p1 = await welcome(app, "carla");
  console.log(app.logText().split("\n").slice(-6).join("\n"));
  await app.close();
});
