// Shows what the server pushed, and opens the incident when the note is clicked.
self.addEventListener("push", (event) => {
  const note = event.data ? event.data.json() : {};
  event.waitUntil(
    self.registration.showNotification(note.title || "Dashmon", {
      body: note.body || "",
      tag: note.tag,
      icon: "/static/img/mark.svg",
      requireInteraction: note.tone === "down",
      data: { url: note.url || "/app/" },
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data.url));
});
