// A repository with a failing test, its remote, agents that are recorded or a few lines of shell, and the real server.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";

const WRONG = "#!/bin/sh\n# Prints the sum of its arguments.\necho $(($1 - $2))\n";
const RIGHT = WRONG.replace(" - ", " + ");
const PRODUCT = WRONG.replace(" - ", " * ");
const TEST = 'check() {\n    [ "$(sh sum.sh "$1" "$2")" = "$3" ] || { echo "FAIL: $1 + $2 is not $(sh sum.sh "$1" "$2")"; exit 1; }\n}\ncheck 2 2 4\ncheck 2 3 5\necho "all sums are right"\n';
const PYTHON = "def test_two():\n    assert 1 + 1 == 2\n\n\ndef test_four():\n    assert 2 + 2 == 4\n";
const LONG_LINE = "a very long line of output, ".repeat(12);

const SCRIPTS = {
    fixer: [
        { say: "Two and two are four, so this must be a product.", files: { "sum.sh": PRODUCT } },
        { say: "The log says that 2 and 3 make 5. It is a sum after all.", files: { "sum.sh": RIGHT } },
    ],
    weakener: [{ say: "One test less.", files: { "sum.sh": RIGHT, "test_sum.py": PYTHON.split("\n\n\n")[0] + "\n" } }],
};
const SHELL = {
    // Talks until it is ended.
    talker: `printf '\\033[31mred <b>words</b>\\033[0m\\n'; echo '${LONG_LINE}'; i=0; while :; do echo "line $i"; i=$((i + 1)); sleep 0.05; done`,
    // Does nothing unless it is asked nicely.
    shy: `if grep -q please; then sed -i 's/ - / + /' sum.sh; echo mended > NOTES; fi`,
};

function toml(text) {
    return JSON.stringify(text);
}

function script(attempts) {
    const edit = ([path, content]) => `[[attempt.edit]]\npath = ${toml(path)}\ncontent = ${toml(content)}\n`;
    const one = ({ say, files }) => `[[attempt]]\nsay = ${toml(say)}\n${Object.entries(files).map(edit).join("")}`;
    return attempts.map(one).join("\n");
}

function config(room) {
    const scripted = Object.entries(SCRIPTS).map(([name, attempts]) => {
        const file = join(room, `${name}.toml`);
        writeFileSync(file, script(attempts));
        return `[ampx.agents.${name}]\nkind = "script"\nscript = ${toml(file)}\n`;
    });
    const shells = Object.entries(SHELL).map(([name, line]) => {
        const command = ["sh", "-c", line].map(toml).join(", ");
        return `[ampx.agents.${name}]\nkind = "command"\ncommand = [${command}]\n`;
    });
    const ampx = `[ampx]\nagent = "fixer"\nretry_delay_s = 0\nconcurrent_tasks = 4\n[ampx.ci]\ncommand = "sh test.sh"\n`;
    return [`data_dir = ${toml(join(room, "data"))}\n`, ampx, ...scripted, ...shells].join("\n");
}

function repository(room) {
    const [work, remote] = [join(room, "work"), join(room, "acme", "sums.git")];
    const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
    const git = (...args) => execFileSync("git", args, { env, stdio: ["ignore", "pipe", "pipe"] });
    git("init", "--quiet", "--initial-branch=main", work);
    for (const [name, content] of Object.entries({ "sum.sh": WRONG, "test.sh": TEST, "test_sum.py": PYTHON })) {
        writeFileSync(join(work, name), content);
    }
    git("-C", work, "add", ".");
    git("-C", work, "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "-m", "Begin");
    mkdirSync(join(room, "acme"));
    git("clone", "--quiet", "--bare", work, remote);
    return { remote, branches: () => git("-C", remote, "for-each-ref", "--format=%(refname:short)") };
}

function surroundings(room) {
    const program = process.env.OPSMITH_BIN ?? join(process.env.CARGO_TARGET_DIR ?? "target", "debug", "opsmith");
    const file = join(room, "opsmith.toml");
    writeFileSync(file, config(room));
    const env = { ...process.env, OPSMITH_CONFIG: file, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
    for (const name of ["DATABASE_URL", "DATABASE_PATH", "SERVER_ADDRESS", "OPSMITH_DATA_DIR", "OPSMITH_TOKEN"]) delete env[name];
    return { program: resolve(program), env };
}

function serve({ program, env }) {
    const server = spawn(program, ["serve", "--address", "127.0.0.1:0"], { env, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    const url = new Promise((found, failed) => {
        server.stderr.on("data", (piece) => {
            said += piece;
            const line = /listening on (http:\/\/\S+)/.exec(said);
            if (line) found(line[1]);
        });
        server.once("error", failed);
        server.once("exit", (code) => failed(new Error(`the server ended with ${code}: ${said}`)));
    });
    return { server, url, said: () => said };
}

/** A server with its repository, and a browser; `close` ends both and removes what they left. */
export async function open() {
    const room = mkdtempSync(join(tmpdir(), "opsmith-web-"));
    const repo = repository(room);
    const around = surroundings(room);
    const { server, url, said } = serve(around);
    const browser = await chromium.launch({
        executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
        args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
    });
    const world = { url: await url, repo: repo.remote, branches: repo.branches, browser, said };
    /** What a command of opsmith prints on stdout, run on the same store. */
    world.command = (...words) => execFileSync(around.program, words, { env: around.env, stdio: ["ignore", "pipe", "pipe"] }).toString().trim();
    world.close = async () => {
        await browser.close();
        const ended = new Promise((done) => server.once("exit", done));
        server.kill("SIGTERM");
        await ended;
        rmSync(room, { recursive: true, force: true });
    };
    return world;
}

/** A page that fails its story by whatever the browser complains of. */
export async function visit(world, options = {}) {
    const context = await world.browser.newContext({ baseURL: world.url, viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    const complaints = [];
    page.on("console", (line) => ["error", "warning"].includes(line.type()) && complaints.push(line.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    return { page, complaints, leave: () => context.close() };
}

/** Starts a task over the API and gives its id. */
export async function start(world, prompt, agent) {
    const answer = await fetch(`${world.url}/api/v1/tasks`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ repo: world.repo, prompt, agent }),
    });
    return (await answer.json()).id;
}

/** The task of that id, as the API has it. */
export async function task(world, id) {
    return (await fetch(`${world.url}/api/v1/tasks/${id}`)).json();
}
