// A server with a token: who comes in, as what, and until when.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, visit } from "./world.mjs";

let world;
before(async () => (world = await open()));
after(() => world?.close());

async function logIn(page, token) {
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Log in" }).click();
}

test("a token closes the server, lets its holder in, and revoked lets nobody in", async () => {
    const { page, complaints, leave } = await visit(world);
    // The answers that this story is about are errors by their status, which the browser notes.
    const expected = (status) => assert.ok(complaints.splice(0).every((line) => line.includes(status)), complaints);
    await page.goto("/tasks");
    await page.getByRole("link", { name: "New task" }).waitFor();
    assert.equal(await page.getByRole("button", { name: "Log out" }).count(), 0, "nobody logs in at an open server");

    const made = JSON.parse(world.command("token", "create", "ada", "-o", "json"));
    await page.goto("/tasks?status=error");
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    expected("401");
    await logIn(page, "ops_wrong");
    await page.locator("#token-error", { hasText: "not valid" }).waitFor();
    assert.equal(await page.getByLabel("Token").inputValue(), "");
    expected("401");
    await logIn(page, made.token);
    await page.waitForURL(/\/tasks\?status=error$/);
    await page.locator(".who", { hasText: "ada" }).waitFor();
    assert.equal(await page.evaluate(() => document.cookie), "", "no script reads the cookie");

    // The page follows events by the cookie alone.
    await page.goto("/tasks");
    await page.getByRole("link", { name: "New task" }).click();
    await page.getByLabel("Repository", { exact: true }).fill(world.repo);
    await page.getByLabel("Prompt").fill("Make the failing test pass");
    await page.getByRole("button", { name: "Start the task" }).click();
    await page.locator(".task-head .badge", { hasText: "Success" }).waitFor({ timeout: 60_000 });

    await page.getByRole("button", { name: "Log out" }).click();
    await page.waitForURL(/\/login$/);
    await page.goto("/tasks");
    await page.getByLabel("Token").waitFor();
    expected("401");
    await logIn(page, made.token);
    await page.locator(".who", { hasText: "ada" }).waitFor();
    world.command("token", "create", "root", "--role", "admin");
    world.command("token", "revoke", made.about.id);
    await page.reload();
    await page.locator("#token-error", { hasText: "was revoked" }).waitFor();
    expected("401");
    await leave();
});

test("a viewer sees and does nothing", async () => {
    const token = world.command("token", "create", "grace", "--role", "viewer");
    const { page, leave } = await visit(world);
    await page.goto("/");
    await logIn(page, token);
    await page.waitForURL(/\/tasks$/);
    await page.getByRole("link", { name: "New task" }).click();
    await page.getByText("it takes the role operator").waitFor();
    await page.getByRole("button", { name: "Log out" }).waitFor();
    await leave();
});
