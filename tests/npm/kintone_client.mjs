// The official client's calls against the simulator.  Prints TAP.
//   node kintone_client.mjs FOLDER-OF-NODE_MODULES ADDRESS
// The simulator has app 1 (orders, Japanese codes), app 2 (orders, English
// codes) and app 3 in guest space 7, all with token T, and user suzuki.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

const [folder, baseUrl] = process.argv.slice(2);
const load = createRequire(path.join(folder, "here.js"));
const { KintoneRestAPIClient, KintoneAllRecordsError, KintoneRestAPIError } =
  load("@kintone/rest-api-client");

const client = new KintoneRestAPIClient({ baseUrl, auth: { apiToken: "T" } });
const { record } = client;
const app = 1;
const order = (id, more = {}) => ({
  k_id: { value: id },
  "k_氏名": { value: `顧客 ${id}` },
  ...more,
});

const tests = [];
const it = (name, run) => tests.push({ name, run });

async function control(method, name, body) {
  const answer = await fetch(`${baseUrl}/control/${name}`, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

// The error that `promise` ends with.
async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("this should have been refused");
}

async function refused(promise, status, code) {
  const error = await refusal(promise);
  assert.ok(error instanceof KintoneRestAPIError, String(error));
  assert.equal(error.status, status);
  assert.equal(error.code, code);
  assert.match(error.id, /^[A-Za-z0-9]{20}$/);
  return error;
}

// ---- one record ----

it("addRecord answers id and revision as texts", async () => {
  assert.deepEqual(await record.addRecord({ app, record: order("A-1") }),
    { id: "1", revision: "1" });
});

it("getRecord gives types, values, empty values", async () => {
  const { record: r } = await record.getRecord({ app, id: 1 });
  assert.deepEqual(r.$id, { type: "__ID__", value: "1" });
  assert.deepEqual(r.$revision, { type: "__REVISION__", value: "1" });
  assert.deepEqual(r.k_id, { type: "SINGLE_LINE_TEXT", value: "A-1" });
  assert.deepEqual(r["k_プラン"], { type: "RADIO_BUTTON", value: "スタンダード" });
  assert.deepEqual(r["k_構築希望日時"], { type: "DATETIME", value: "" });
  assert.equal(r["レコード番号"].type, "RECORD_NUMBER");
  assert.deepEqual(r["作成者"].value, { code: "Administrator", name: "Administrator" });
  assert.match(r["更新日時"].value, /^\d{4}-\d\d-\d\dT\d\d:\d\d:00Z$/);
});

it("addRecord of nothing at all is refused for what is required", async () => {
  const error = await refused(record.addRecord({ app, record: {} }), 400, "CB_VA01");
  assert.deepEqual(Object.keys(error.errors).sort(),
    ["record.k_id.value", "record.k_氏名.value"].sort());
});

it("updateRecord by id, with the right revision", async () => {
  const answer = await record.updateRecord({
    app, id: "1", revision: 1,
    record: { "k_構築希望日時": { value: "2026-03-05T10:20:59+09:00" } },
  });
  assert.deepEqual(answer, { revision: "2" });
  const { record: r } = await record.getRecord({ app, id: 1 });
  assert.equal(r["k_構築希望日時"].value, "2026-03-05T01:20:00Z");
  assert.equal(r.k_id.value, "A-1");
});

it("updateRecord with an old revision is 409 and changes nothing", async () => {
  await refused(record.updateRecord({
    app, id: 1, revision: 1, record: { k_Qid: { value: "x" } },
  }), 409, "GAIA_CO02");
  const { record: r } = await record.getRecord({ app, id: 1 });
  assert.equal(r.k_Qid.value, "");
  assert.equal(r.$revision.value, "2");
});

it("updateRecord by updateKey", async () => {
  const answer = await record.updateRecord({
    app, updateKey: { field: "k_id", value: "A-1" },
    record: { "k_ステータス": { value: "2_対応要" } },
  });
  assert.deepEqual(answer, { revision: "3" });
});

it("upsertRecord inserts, then updates", async () => {
  const one = { app, updateKey: { field: "k_id", value: "U-1" },
    record: { "k_氏名": { value: "一" } } };
  assert.deepEqual(await record.upsertRecord(one), { id: "2", revision: "1" });
  assert.deepEqual(await record.upsertRecord(one), { id: "2", revision: "2" });
});

it("a taken unique value and a bad option are told together", async () => {
  const error = await refused(record.addRecord({
    app, record: order("A-1", { "k_ステータス": { value: "5_?" } }),
  }), 400, "CB_VA01");
  assert.deepEqual(Object.keys(error.errors).sort(),
    ["record.k_id.value", "record.k_ステータス.value"].sort());
});

it("a whole record that was read cannot be written back", async () => {
  const { record: r } = await record.getRecord({ app, id: 1 });
  await refused(record.updateRecord({ app, id: 1, record: r }), 400, "GAIA_UN10");
});

// ---- several records ----

it("addRecords, updateRecords, deleteRecords", async () => {
  const added = await record.addRecords({ app, records: [order("M-1"), order("M-2")] });
  assert.deepEqual(added.ids, ["3", "4"]);
  assert.deepEqual(added.revisions, ["1", "1"]);
  const updated = await record.updateRecords({
    app,
    records: [
      { id: 3, record: { k_Qid: { value: "p" } } },
      { updateKey: { field: "k_id", value: "M-2" }, record: { k_Qid: { value: "q" } } },
    ],
  });
  assert.deepEqual(updated.records, [{ id: "3", revision: "2" }, { id: "4", revision: "2" }]);
  assert.deepEqual(await record.deleteRecords({ app, ids: [3, 4], revisions: [2, 2] }), {});
  assert.equal((await record.getRecords({ app, totalCount: true })).totalCount, "2");
});

it("updateRecords with upsert tells the operation", async () => {
  const answer = await record.updateRecords({
    app, upsert: true,
    records: [
      { updateKey: { field: "k_id", value: "A-1" }, record: { k_Qid: { value: "1" } } },
      { updateKey: { field: "k_id", value: "N-1" }, record: { "k_氏名": { value: "新" } } },
    ],
  });
  assert.deepEqual(answer.records.map((r) => r.operation), ["UPDATE", "INSERT"]);
  assert.equal(answer.records[1].id, "5");   // 3 and 4 are never used again
  await record.deleteRecords({ app, ids: [5] });
});

it("one bad record of many leaves nothing behind", async () => {
  const error = await refused(record.addRecords({
    app, records: [order("B-1"), order("B-1")],
  }), 400, "CB_VA01");
  assert.deepEqual(Object.keys(error.errors), ["records[1].k_id.value"]);
  assert.equal((await record.getRecords({ app, query: 'k_id = "B-1"' })).records.length, 0);
});

it("getRecords with fields, query, order, totalCount", async () => {
  const answer = await record.getRecords({
    app, fields: ["$id", "更新日時"], totalCount: true,
    query: '(k_ステータス in ("2_対応要")) and 更新日時 <= NOW() order by 更新日時 desc, $id desc limit 5',
  });
  assert.equal(answer.totalCount, "1");
  assert.deepEqual(Object.keys(answer.records[0]).sort(), ["$id", "更新日時"].sort());
});

it("getRecords without totalCount gives null, newest first", async () => {
  const answer = await record.getRecords({ app });
  assert.equal(answer.totalCount, null);
  assert.deepEqual(answer.records.map((r) => r.$id.value), ["2", "1"]);
});

it("a query longer than a URL goes as POST and works the same", async () => {
  const many = Array.from({ length: 400 }, (_, i) => `"顧客 ${i}"`).join(", ");
  const answer = await record.getRecords({ app, query: `k_氏名 not in (${many})`, totalCount: true });
  assert.equal(answer.totalCount, "2");
});

// ---- all records, bulk, cursors ----

it("addAllRecords in two bulk requests", async () => {
  const records = Array.from({ length: 2100 }, (_, i) => order(`L-${i}`));
  const { records: added } = await record.addAllRecords({ app, records });
  assert.equal(added.length, 2100);
  assert.equal(new Set(added.map((r) => r.id)).size, 2100);
});

it("getAllRecords by id, by cursor and by offset agree", async () => {
  const condition = 'k_id like "L-"';
  const byId = await record.getAllRecords({ app, condition, fields: ["k_id"] });
  const byCursor = await record.getAllRecords({ app, condition, orderBy: "$id asc", fields: ["$id", "k_id"] });
  const byOffset = await record.getAllRecords({
    app, condition, orderBy: "$id asc", withCursor: false, fields: ["$id", "k_id"] });
  assert.equal(byId.length, 2100);
  assert.deepEqual(byCursor, byOffset);
  assert.deepEqual(byId.map((r) => r.k_id.value), byCursor.map((r) => r.k_id.value));
});

it("addAllRecords names the record at fault", async () => {
  const records = Array.from({ length: 250 }, (_, i) => order(i === 230 ? "A-1" : `F-${i}`));
  const error = await refusal(record.addAllRecords({ app, records }));
  assert.ok(error instanceof KintoneAllRecordsError, String(error));
  assert.equal(error.errorIndex, 230);
  assert.equal(error.error.bulkRequestIndex, 2);
  assert.equal((await record.getRecords({ app, query: 'k_id like "F-"' })).records.length, 0);
});

it("updateAllRecords and deleteAllRecords", async () => {
  const all = await record.getAllRecords({ app, condition: 'k_id like "L-"', fields: ["$id"] });
  const updated = await record.updateAllRecords({
    app, records: all.map((r) => ({ id: r.$id.value, record: { k_Qid: { value: "all" } } })),
  });
  assert.equal(updated.records.length, 2100);
  assert.ok(updated.records.every((r) => r.revision === "2"));
  await record.deleteAllRecords({ app, records: all.map((r) => ({ id: r.$id.value })) });
  assert.equal((await record.getRecords({ app, totalCount: true })).totalCount, "2");
});

it("a cursor is read to its end and is gone then", async () => {
  const { id, totalCount } = await record.createCursor({ app, query: "order by $id asc", size: 1 });
  assert.equal(totalCount, "2");
  const first = await record.getRecordsByCursor({ id });
  assert.equal(first.next, true);
  assert.equal(first.records[0].$id.value, "1");
  assert.equal((await record.getRecordsByCursor({ id })).next, false);
  await refused(record.getRecordsByCursor({ id }), 404, "GAIA_CN01");
});

it("a cursor can be deleted", async () => {
  const { id } = await record.createCursor({ app });
  assert.deepEqual(await record.deleteCursor({ id }), {});
  await refused(record.deleteCursor({ id }), 404, "GAIA_CN01");
});

it("bulkRequest: later parts see earlier ones", async () => {
  const { results } = await client.bulkRequest({
    requests: [
      { method: "POST", api: "/k/v1/record.json", payload: { app, record: order("K-1") } },
      { method: "PUT", api: "/k/v1/record.json",
        payload: { app, updateKey: { field: "k_id", value: "K-1" }, record: { k_Qid: { value: "k" } } } },
    ],
  });
  assert.equal(results[1].revision, "2");
  await record.deleteRecords({ app, ids: [results[0].id] });
});

it("bulkRequest: a failing part undoes all, and is told by its index", async () => {
  const error = await refused(client.bulkRequest({
    requests: [
      { method: "PUT", api: "/k/v1/record.json", payload: { app, id: 1, record: { k_Qid: { value: "half" } } } },
      { method: "PUT", api: "/k/v1/record.json", payload: { app, id: 99999, record: {} } },
      { method: "DELETE", api: "/k/v1/records.json", payload: { app, ids: [1] } },
    ],
  }), 404, "GAIA_RE01");
  assert.equal(error.bulkRequestIndex, 1);
  assert.notEqual((await record.getRecord({ app, id: 1 })).record.k_Qid.value, "half");
});

// ---- comments, forms, files, apps ----

it("comments are added, listed, deleted, and leave the revision alone", async () => {
  const before = (await record.getRecord({ app, id: 1 })).record.$revision.value;
  const first = await record.addRecordComment({ app, record: 1, comment: {
    text: "確認しました", mentions: [{ code: "suzuki", type: "USER" }] } });
  assert.deepEqual(first, { id: "1" });
  for (let i = 2; i <= 12; i++)
    await record.addRecordComment({ app, record: 1, comment: { text: `${i}` } });
  const page = await record.getRecordComments({ app, record: 1 });
  assert.deepEqual(page.comments.map((c) => c.id), ["12", "11", "10", "9", "8", "7", "6", "5", "4", "3"]);
  assert.deepEqual([page.older, page.newer], [true, false]);
  const oldest = await record.getRecordComments({ app, record: 1, order: "asc", limit: 1 });
  assert.equal(oldest.comments[0].text, "確認しました ");
  assert.deepEqual(oldest.comments[0].mentions, [{ code: "suzuki", type: "USER" }]);
  assert.deepEqual([oldest.older, oldest.newer], [false, true]);
  assert.deepEqual(await record.deleteRecordComment({ app, record: 1, comment: 12 }), {});
  await refused(record.deleteRecordComment({ app, record: 1, comment: 12 }), 400, "GAIA_RE02");
  assert.equal((await record.getRecord({ app, id: 1 })).record.$revision.value, before);
});

it("the form tells fields, options in order, and system fields", async () => {
  const { properties, revision } = await client.app.getFormFields({ app });
  assert.equal(revision, "1");
  assert.deepEqual(properties["k_ステータス"].options["2_対応要"], { label: "2_対応要", index: "1" });
  assert.equal(properties.k_id.unique, true);
  assert.equal(properties.k_id.maxLength, "64");
  const byType = Object.values(properties).map((p) => p.type);
  assert.ok(byType.includes("UPDATED_TIME") && byType.includes("RECORD_NUMBER"));
});

it("the same ledger with English codes", async () => {
  const { id } = await record.addRecord({ app: 2, record: {
    k_id: { value: "E-1" }, k_name: { value: "Aiko" }, k_status: { value: "2_Requires support" } } });
  const { records } = await record.getRecords({
    app: 2, query: 'k_status in ("2_Requires support") and Updated_datetime <= NOW()' });
  assert.equal(records[0].$id.value, id);
  assert.equal(records[0].k_plan.value, "Standard");
});

it("app.getApp and the process management that is off", async () => {
  assert.equal((await client.app.getApp({ id: 1 })).name, "受注台帳");
  assert.equal((await client.app.getProcessManagement({ app })).enable, false);
  await refused(record.updateRecordStatus({ app, id: 1, action: "start" }), 400, "GAIA_ST02");
});

it("a guest space has its own path", async () => {
  const guest = new KintoneRestAPIClient({ baseUrl, auth: { apiToken: "T" }, guestSpaceId: 7 });
  assert.deepEqual(await guest.record.addRecord({ app: 3, record: { t: { value: "x" } } }),
    { id: "1", revision: "1" });
  await refused(record.getRecord({ app: 3, id: 1 }), 400, "GAIA_IL23");
  await refused(guest.record.getRecord({ app: 1, id: 1 }), 403, "CB_NO02");
});

it("a file is uploaded, attached and read back by the key in the field", async () => {
  const guest = new KintoneRestAPIClient({ baseUrl, auth: { apiToken: "T" }, guestSpaceId: 7 });
  const { fileKey } = await guest.file.uploadFile({ file: { name: "鍵.txt", data: "secret" } });
  await guest.record.updateRecord({ app: 3, id: 1, record: { f: { value: [{ fileKey }] } } });
  const [file] = (await guest.record.getRecord({ app: 3, id: 1 })).record.f.value;
  assert.equal(file.size, "6");
  assert.notEqual(file.fileKey, fileKey);
  assert.equal(Buffer.from(await guest.file.downloadFile({ fileKey: file.fileKey })).toString(), "secret");
  // the client reads this answer as bytes, so it knows no code
  assert.equal((await refusal(guest.file.downloadFile({ fileKey: "nothing" }))).status, 404);
});

// ---- who asks, and what goes wrong ----

it("a login works, a wrong password does not", async () => {
  const auth = { username: "suzuki", password: "pass" };
  const me = new KintoneRestAPIClient({ baseUrl, auth });
  await me.record.updateRecord({ app, id: 1, record: {} });
  assert.deepEqual((await record.getRecord({ app, id: 1 })).record["更新者"].value,
    { code: "suzuki", name: "鈴木" });
  const wrong = new KintoneRestAPIClient({ baseUrl, auth: { ...auth, password: "x" } });
  await refused(wrong.record.getRecord({ app, id: 1 }), 401, "CB_WA01");
});

it("an unknown token is 400, an unknown app 404, an unknown record 404", async () => {
  const other = new KintoneRestAPIClient({ baseUrl, auth: { apiToken: ["T", "no"] } });
  await refused(other.record.getRecord({ app, id: 1 }), 400, "GAIA_IA02");
  await refused(record.getRecord({ app: 99, id: 1 }), 404, "GAIA_AP01");
  await refused(record.getRecord({ app, id: 99999 }), 404, "GAIA_RE01");
});

it("maintenance is a plain error, too many requests one with a code", async () => {
  await control("POST", "fail", { status: 503, path: "/k/v1/record.json" });
  assert.equal((await refusal(record.getRecord({ app, id: 1 }))).message, "503: Service Unavailable");
  await control("POST", "fail", { status: 429, code: "GAIA_TO04", path: "/k/v1/record.json" });
  await refused(record.getRecord({ app, id: 1 }), 429, "GAIA_TO04");
  await record.getRecord({ app, id: 1 });
});

it("a connection cut after the commit: an error here, done there", async () => {
  await control("POST", "fail", { cut: true, when: "after", method: "PUT" });
  const error = await refusal(record.updateRecord({ app, id: 1, record: { k_Qid: { value: "done" } } }));
  assert.ok(!(error instanceof KintoneRestAPIError));
  assert.equal((await record.getRecord({ app, id: 1 })).record.k_Qid.value, "done");
});

// ---- run ----

console.log(`1..${tests.length}`);
let bad = 0;
for (const [i, test] of tests.entries()) {
  try {
    await test.run();
    console.log(`ok ${i + 1} - ${test.name}`);
  } catch (error) {
    bad++;
    console.log(`not ok ${i + 1} - ${test.name}`);
    console.log(String(error.stack ?? error).replace(/^/gm, "# "));
  }
}
process.exit(bad === 0 ? 0 : 1);
