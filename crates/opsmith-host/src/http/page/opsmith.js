// What every page of opsmith has beside its HTML: keys, true times, regions that are brought up to date, no double submit.
"use strict";

(() => {
    const GO_MS = 1500;
    const TIMES_MS = 20_000;
    const help = document.getElementById("help");
    let going = 0;

    function openHelp() {
        if (!help.open) help.showModal();
    }

    const keys = document.getElementById("keys");
    keys.hidden = false;
    keys.addEventListener("click", openHelp);

    function isTyping(target) {
        return target.closest("textarea, select, [contenteditable], input:not([type=checkbox], [type=radio])") !== null;
    }

    // An element says by data-shortcut which key stands for it: a field takes the focus, anything else is pressed.
    function press(element) {
        if (isTyping(element)) {
            element.focus();
            element.select?.();
        } else {
            element.click();
        }
    }

    function step(by) {
        const rows = [...document.querySelectorAll("[data-row]")];
        const at = rows.indexOf(document.activeElement);
        const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1);
        rows[next]?.focus();
        rows[next]?.scrollIntoView({ block: "nearest" });
        return rows.length > 0;
    }

    function isDone(event) {
        if (event.timeStamp < going) {
            going = 0;
            const link = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
            link?.click();
            return link !== null;
        }
        const inList = document.activeElement === document.body || document.activeElement.matches("main, [data-row]");
        switch (event.key) {
            case "g":
                going = event.timeStamp + GO_MS;
                return true;
            case "?":
                openHelp();
                return true;
            case "j":
                return step(1);
            case "k":
                return step(-1);
            case "ArrowDown":
                return inList && step(1);
            case "ArrowUp":
                return inList && step(-1);
        }
        const element = document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
        if (element) press(element);
        return element !== null;
    }

    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || help.open) return;
        if (isTyping(event.target)) {
            if (event.key === "Escape") event.target.blur();
            return;
        }
        if (isDone(event)) event.preventDefault();
    });

    // The same words as the server's.
    function ago(seconds) {
        const units = [[86_400, "d"], [3_600, "h"], [60, "m"], [1, "s"]];
        const unit = units.find(([length]) => Math.abs(seconds) >= length);
        if (!unit) return "now";
        const count = Math.floor(Math.abs(seconds) / unit[0]) + unit[1];
        return seconds > 0 ? `${count} ago` : `in ${count}`;
    }

    function tellTimes() {
        for (const time of document.querySelectorAll("time[datetime]")) {
            const text = ago(Math.floor((Date.now() - Date.parse(time.dateTime)) / 1000));
            if (time.textContent !== text) time.textContent = text;
        }
    }
    setInterval(tellTimes, TIMES_MS);

    document.addEventListener("submit", (event) => {
        const form = event.target;
        if (form.method !== "post") return;
        if (form.dataset.sent) event.preventDefault();
        form.dataset.sent = "yes";
    });
    addEventListener("pageshow", () => {
        for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent;
    });

    // What somebody opened or folded stays so; the rest is as the server has it.
    document.addEventListener("click", (event) => {
        const fold = event.target.closest("summary")?.closest("details");
        if (fold) fold.dataset.touched = "yes";
    });

    // A region in which somebody is at work stays as it is.
    function isInUse(region) {
        if (region.contains(document.activeElement) && isTyping(document.activeElement)) return true;
        return [...region.querySelectorAll("textarea, input:not([type=hidden])")].some((field) =>
            field.type === "checkbox" || field.type === "radio"
                ? field.checked !== field.defaultChecked
                : field.value !== field.defaultValue,
        );
    }

    function replace(region, fresh) {
        if (region.outerHTML === fresh.outerHTML || isInUse(region)) return;
        const touched = [...region.querySelectorAll("details[id][data-touched]")];
        const folds = new Map(touched.map((fold) => [fold.id, fold.open]));
        const focused = region.contains(document.activeElement) ? document.activeElement.id : "";
        for (const fold of fresh.querySelectorAll("details[id]")) {
            if (!folds.has(fold.id)) continue;
            fold.open = folds.get(fold.id);
            fold.dataset.touched = "yes";
        }
        region.replaceWith(document.adoptNode(fresh));
        if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    }

    // Brings the [data-live] regions up to date with the page as it would be now.
    async function refresh(url) {
        const answer = await fetch(url, { headers: { Accept: "text/html" } });
        // Whoever was logged out meanwhile sees where to log in.
        if (answer.status === 401) location.reload();
        if (!answer.ok) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const fresh of page.querySelectorAll("[data-live]")) {
            const region = document.getElementById(fresh.id);
            if (region) replace(region, fresh);
        }
        tellTimes();
    }

    function say(text) {
        document.getElementById("said").textContent = text;
    }

    window.opsmith = { refresh, say };
})();
