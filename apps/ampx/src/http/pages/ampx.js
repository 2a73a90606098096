// Follows the events of the tasks on a page: its parts are brought up to date, and the log grows.
"use strict";

(() => {
    const MOST_LINES = 3000;
    const MOST_LINE_CHARS = 4000;
    const REFRESH_MS = 250;
    // Where no events can be followed, the page is asked for anew.
    const POLL_MS = 15_000;

    const source = document.querySelector("[data-events]");
    const page = document.querySelector("[data-page]")?.dataset.page ?? location.pathname + location.search;
    const log = document.getElementById("log");
    const follow = document.getElementById("follow");
    const link = document.getElementById("link");

    let refreshing = 0;
    function refreshSoon() {
        refreshing ||= setTimeout(() => {
            refreshing = 0;
            // What cannot be had now comes with the next event, or the next look.
            window.opsmith.refresh(page).catch(() => tell("offline"));
        }, REFRESH_MS);
    }

    function tell(state) {
        if (link) link.textContent = { live: "Live", waiting: "Reconnecting…", offline: "Offline", "": "" }[state];
    }

    function isAtEnd() {
        return log.scrollHeight - log.scrollTop - log.clientHeight < 24;
    }

    function toEnd() {
        if (follow.checked) log.scrollTop = log.scrollHeight;
    }

    // The line that more of the same output belongs to.
    let open = log?.dataset.open ? log.lastElementChild : null;

    function append(stream, text) {
        document.getElementById("log-empty")?.remove();
        const fresh = document.createDocumentFragment();
        for (const piece of text.split(/(?<=\n)/)) {
            if (piece === "") continue;
            const words = piece.replace(/\n$/, "");
            if (!open?.classList.contains(stream)) {
                open = document.createElement("div");
                open.className = `line ${stream}`;
                fresh.append(open);
            }
            const room = MOST_LINE_CHARS - open.textContent.length;
            if (room > 0) open.append(words.length > room ? `${words.slice(0, room)}…` : words);
            if (piece.endsWith("\n")) open = null;
        }
        const before = log.scrollHeight;
        log.append(fresh);
        const tooMany = log.children.length - MOST_LINES;
        if (tooMany > 0) {
            const height = log.scrollHeight;
            for (let gone = 0; gone < tooMany; gone += 1) log.firstElementChild.remove();
            // What somebody reads stays where it is.
            if (!follow.checked) log.scrollTop -= height - log.scrollHeight;
        }
        if (before !== log.scrollHeight) toEnd();
    }

    if (log) {
        document.getElementById("follow-room").hidden = false;
        follow.addEventListener("change", toEnd);
        log.addEventListener("wheel", (event) => {
            if (event.deltaY < 0 && follow.checked) follow.checked = false;
        }, { passive: true });
        let last = log.scrollTop;
        log.addEventListener("scroll", () => {
            if (log.scrollTop < last - 1) follow.checked = isAtEnd();
            else if (isAtEnd()) follow.checked = true;
            last = log.scrollTop;
        }, { passive: true });
        toEnd();
    }

    if (source && "EventSource" in window) {
        const start = new URL(source.dataset.events, location.href);
        let events = null;

        function connect() {
            events = new EventSource(start);
            events.addEventListener("open", () => tell("live"));
            events.addEventListener("error", () => {
                tell(events?.readyState === EventSource.CLOSED ? "offline" : "waiting");
            });
            events.addEventListener("status", (event) => {
                start.searchParams.set("after", event.lastEventId);
                window.opsmith.say(JSON.parse(event.data).said);
                refreshSoon();
            });
            events.addEventListener("log", (event) => {
                start.searchParams.set("after", event.lastEventId);
                const { stream, text } = JSON.parse(event.data);
                append(stream, text);
            });
        }

        // A browser has few connections to one server, and a page that nobody sees needs none.
        function attend() {
            if (document.visibilityState === "visible") {
                if (!events || events.readyState === EventSource.CLOSED) connect();
            } else {
                events?.close();
                events = null;
            }
        }
        document.addEventListener("visibilitychange", attend);
        addEventListener("pagehide", () => events?.close());
        addEventListener("pageshow", attend);
        attend();
        setInterval(() => {
            if (document.visibilityState !== "visible") return;
            if (events?.readyState === EventSource.CLOSED) {
                attend();
                refreshSoon();
            }
        }, POLL_MS);
    } else if (source) {
        setInterval(refreshSoon, POLL_MS);
    }

    // A choice shows its plan at once.
    const choices = document.querySelector("[data-choices]");
    if (choices) {
        choices.querySelector(".plan-anew").hidden = true;
        choices.addEventListener("change", () => choices.requestSubmit());
    }
})();
