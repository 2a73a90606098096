// How the pages look: nothing wider than a phone, readable in dark and light, and usable by those who do not see them.
// With SHOTS=FOLDER a picture of each is kept there.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { open, start, task, visit } from "./world.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const LONG = "Mend the sums, and while there explain why_a_word_without_any_blank_can_be_as_long_as_this_one_is_and_longer";

let world;
// A server with a token, which shows its pages to those who log in.
let closed;
let token;
const paths = {};

async function until(id, status) {
    const deadline = Date.now() + 60_000;
    for (;;) {
        const seen = await task(world, id);
        if (seen.status === status) return;
        assert.ok(Date.now() < deadline, `task ${id} is ${seen.status}, not ${status}: ${seen.summary}`);
        await new Promise((done) => setTimeout(done, 100));
    }
}

before(async () => {
    world = await open();
    closed = await open();
    token = closed.command("token", "create", "grace.hopper@example.com", "--role", "viewer");
    const merged = await start(world, "Make the failing test pass", "fixer");
    await until(merged, "success");
    const held = await start(world, "Drop a test", "weakener");
    await until(held, "needs_review");
    const green = await start(world, LONG, "fixer");
    await until(green, "success");
    const running = await start(world, "Talk about it at length", "talker");
    await until(running, "running");
    const asked = await fetch(`${world.url}/api/v1/tasks/${green}/merge`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: "{}",
    });
    const { confirmation_id } = await asked.json();
    Object.assign(paths, {
        list: "/tasks",
        running: `/tasks/${running}`,
        held: `/tasks/${held}`,
        success: `/tasks/${green}`,
        changes: `/tasks/${green}/changes`,
        merge: `/tasks/${green}/merge?delete_branch=on`,
        start: "/tasks/new",
        confirmations: "/confirmations",
        confirmation: `/confirmations/${confirmation_id}`,
        empty: "/tasks?repo=nothing",
        missing: "/tasks/zzzz",
    });
});
after(async () => {
    await closed?.close();
    await world?.close();
});

async function look(page, name, width, colorScheme) {
    await page.locator("h1").waitFor();
    if (process.env.SHOTS) {
        await page.screenshot({ path: join(process.env.SHOTS, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    }
    const wrong = [];
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (beyond > 0) wrong.push(`${name} is ${beyond} px wider than the window`);
    await page.addScriptTag({ path: AXE });
    const { violations } = await page.evaluate(() =>
        window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }),
    );
    wrong.push(...violations.map(({ id, nodes }) => `${name}: ${id}: ${nodes.map((node) => node.html).join(" ")}`));
    return wrong;
}

for (const width of [1280, 360]) {
    for (const colorScheme of ["light", "dark"]) {
        const viewport = { width, height: width > 400 ? 900 : 780 };
        const options = { viewport, colorScheme, reducedMotion: "reduce", bypassCSP: true };
        test(`pages at ${width} px in ${colorScheme} fit and are accessible`, async () => {
            const { page, leave } = await visit(world, options);
            const wrong = [];
            for (const [name, path] of Object.entries(paths)) {
                await page.goto(path);
                if (name === "running") await page.locator("#log .line", { hasText: /^line \d+$/ }).first().waitFor();
                wrong.push(...(await look(page, name, width, colorScheme)));
            }
            assert.deepEqual(wrong, []);
            await leave();
        });

        test(`the login at ${width} px in ${colorScheme} fits and is accessible`, async () => {
            const { page, leave } = await visit(closed, options);
            await page.goto("/tasks");
            const wrong = await look(page, "login", width, colorScheme);
            await page.getByLabel("Token").fill("ops_wrong");
            await page.getByRole("button", { name: "Log in" }).click();
            await page.locator("#token-error").waitFor();
            wrong.push(...(await look(page, "login-wrong", width, colorScheme)));
            await page.getByLabel("Token").fill(token);
            await page.getByRole("button", { name: "Log in" }).click();
            await page.getByRole("button", { name: "Log out" }).waitFor();
            wrong.push(...(await look(page, "logged-in", width, colorScheme)));
            await page.goto("/tasks/new");
            wrong.push(...(await look(page, "not-allowed", width, colorScheme)));
            assert.deepEqual(wrong, []);
            await leave();
        });
    }
}
