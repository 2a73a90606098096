// What people do with tasks, in a real browser against the real server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, start, task, visit } from "./world.mjs";

let world;
before(async () => (world = await open()));
after(() => world?.close());

const badge = (page) => page.locator(".task-head .badge");

async function until(page, words) {
    await badge(page).filter({ hasText: words }).waitFor({ timeout: 60_000 });
}

function nothingWrong(complaints) {
    assert.deepEqual(complaints, []);
}

test("a task goes from the form over red and green to a merge, and the page follows", async () => {
    const { page, complaints, leave } = await visit(world);
    await page.goto("/");
    assert.match(page.url(), /\/tasks$/);
    await page.getByRole("link", { name: "New task" }).click();
    await page.getByLabel("Repository", { exact: true }).fill(world.repo);
    await page.getByLabel("Prompt").fill("Make the failing test pass");
    await page.getByRole("button", { name: "Start the task" }).click();
    await page.getByText("Started. A worker begins it").waitFor();
    // Without a click more: the events bring it.
    await until(page, "Success");
    assert.deepEqual(await page.locator(".attempts .badge").allTextContents(), ["CI green", "CI red"]);
    await page.locator("#log .line", { hasText: "FAIL: 2 + 3 is not 6" }).first().waitFor();
    await page.locator("#log .line", { hasText: "all sums are right" }).waitFor();
    await page.locator("#attempt-1 > summary").click();
    await page.locator("#attempt-1 .excerpt", { hasText: "FAIL: 2 + 3 is not 6" }).waitFor();

    await page.getByRole("link", { name: "Changes", exact: true }).click();
    await page.locator("tr.add", { hasText: "+echo $(($1 + $2))" }).waitFor();
    await page.getByRole("link", { name: "Merge", exact: true }).click();
    const digest = await page.locator(".digest code").textContent();
    await page.getByLabel("Delete the branch afterwards").check();
    await page.locator(".effect", { hasText: "delete branch" }).waitFor();
    assert.notEqual(await page.locator(".digest code").textContent(), digest);
    await page.getByRole("button", { name: "Yes, merge it" }).click();
    await until(page, "Merged");
    assert.equal(String(world.branches()).trim(), "main");
    nothingWrong(complaints);
    await leave();
});

test("a held change is seen, accepted, and goes on", async () => {
    const id = await start(world, "Drop a test", "weakener");
    const { page, complaints, leave } = await visit(world);
    await page.goto(`/tasks/${id}`);
    await until(page, "Needs review");
    await page.locator(".findings li", { hasText: "test_sum.py" }).waitFor();
    await page.getByRole("link", { name: "See it first" }).click();
    await page.locator("tr.del", { hasText: "def test_four" }).waitFor();
    await page.goBack();
    await page.getByRole("button", { name: "Accept the held change" }).click();
    await page.getByText("Accepted. Check, push").waitFor();
    await until(page, "Success");
    nothingWrong(complaints);
    await leave();
});

test("a log is followed, left alone while somebody reads, and its task given up", async () => {
    const id = await start(world, "Talk", "talker");
    const { page, complaints, leave } = await visit(world);
    await page.goto(`/tasks/${id}`);
    await page.locator("#log .line.agent", { hasText: "line 40" }).first().waitFor({ timeout: 60_000 });
    assert.equal(await page.locator("#log .line", { hasText: "red <b>words</b>" }).count(), 1);
    assert.equal(await page.locator("#log b").count(), 0);
    const log = page.locator("#log");
    const gap = () => log.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
    assert.ok((await gap()) < 30, "it follows");
    await page.getByLabel("Follow").uncheck();
    await log.evaluate((box) => (box.scrollTop = 40));
    const lines = await page.locator("#log .line").count();
    await page.waitForFunction((had) => document.querySelectorAll("#log .line").length > had + 5, lines);
    assert.equal(await log.evaluate((box) => box.scrollTop), 40, "what is read stays where it is");
    await page.getByLabel("Follow").check();
    assert.ok((await gap()) < 30);

    await page.locator("summary", { hasText: "Abort" }).click();
    await page.getByRole("button", { name: "Yes, abort it" }).click();
    await until(page, "Aborted");
    nothingWrong(complaints);
    await leave();
});

test("a task that stopped goes on with another prompt, which no event takes away", async () => {
    const id = await start(world, "Mend it", "shy");
    const { page, complaints, leave } = await visit(world);
    await page.goto(`/tasks/${id}`);
    await until(page, "Needs review");
    const prompt = page.getByLabel("What it should do next");
    await prompt.fill("Mend it, please");
    await page.evaluate((path) => window.opsmith.refresh(path), `/tasks/${id}`);
    assert.equal(await prompt.inputValue(), "Mend it, please");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByText("Sent on. A worker").waitFor();
    await until(page, "Success");
    assert.equal((await task(world, id)).prompt, "Mend it, please");
    nothingWrong(complaints);
    await leave();
});

test("a wrong form says so at the field, and a double click makes one task", async () => {
    const { page, complaints, leave } = await visit(world);
    const total = async () => (await (await fetch(`${world.url}/api/v1/tasks?limit=0`)).json()).total;
    await page.goto("/tasks/new");
    await page.getByLabel("Repository", { exact: true }).fill(world.repo);
    await page.getByLabel("Prompt").fill("Mend it");
    await page.getByLabel("Agent").fill("fixr");
    await page.getByRole("button", { name: "Start the task" }).click();
    await page.locator("#agent-error", { hasText: "did you mean `fixer`?" }).waitFor();
    assert.equal(await page.getByLabel("Prompt").inputValue(), "Mend it");
    // The answer is an error by its status, which the browser notes.
    assert.ok(complaints.splice(0).every((line) => line.includes("400")));
    const before = await total();
    await page.getByLabel("Agent").fill("fixer");
    await page.getByRole("button", { name: "Start the task" }).dblclick();
    await page.getByText("Started. A worker begins it").waitFor();
    assert.equal(await total(), before + 1);
    nothingWrong(complaints);
    await leave();
});

test("a list follows its tasks", async () => {
    const { page, complaints, leave } = await visit(world);
    await page.goto("/tasks?status=success");
    const before = await page.locator(".tasks li").count();
    await start(world, "Seen from the list");
    await page.waitForFunction((had) => document.querySelectorAll(".tasks li").length > had, before, { timeout: 60_000 });
    await page.locator(".tasks a", { hasText: "Seen from the list" }).waitFor();
    nothingWrong(complaints);
    await leave();
});

test("everything works without script", async () => {
    const { page, leave } = await visit(world, { javaScriptEnabled: false });
    await page.goto("/tasks/new");
    await page.getByLabel("Repository", { exact: true }).fill(world.repo);
    await page.getByLabel("Prompt").fill("Talk");
    await page.getByLabel("Agent").fill("talker");
    await page.getByRole("button", { name: "Start the task" }).click();
    await page.getByText("Started. A worker begins it").waitFor();
    await page.locator("summary", { hasText: "Abort" }).click();
    await page.getByRole("button", { name: "Yes, abort it" }).click();
    await until(page, "Aborted");
    await leave();
});

test("the keyboard is enough", async () => {
    const { page, complaints, leave } = await visit(world);
    await page.goto("/tasks");
    const rows = page.locator("[data-row]");
    const has = (row) => row.evaluate((element) => element === document.activeElement);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
    await page.keyboard.press("j");
    assert.ok(await has(rows.nth(0)));
    await page.keyboard.press("ArrowDown");
    assert.ok(await has(rows.nth(1)));
    await page.keyboard.press("k");
    assert.ok(await has(rows.nth(0)));
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/tasks\/[0-9A-Z]{26}$/);
    await page.keyboard.press("c");
    await page.waitForURL(/\/changes$/);
    await page.keyboard.press("u");
    await page.waitForURL(/\/tasks$/);
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement.id), "repo");
    await page.keyboard.type("gj?n");
    assert.equal(await page.locator("#repo").inputValue(), "gj?n", "in a field keys are letters");
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await page.locator("#help[open]").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("#help:not([open])").waitFor({ state: "attached" });
    await page.keyboard.press("g");
    await page.keyboard.press("c");
    await page.waitForURL(/\/confirmations$/);
    await page.keyboard.press("g");
    await page.keyboard.press("t");
    await page.waitForURL(/\/tasks$/);
    await page.keyboard.press("n");
    await page.waitForURL(/\/tasks\/new$/);
    nothingWrong(complaints);
    await leave();
});
