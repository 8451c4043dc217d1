// Relative, so that the page works behind a proxy that puts a path in front of the service's own.
SwaggerUIBundle({
  url: "../openapi.yaml",
  dom_id: "#api",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  onComplete() {
    const heading = document.querySelector(".info .title");
    if (heading) {
      document.title = heading.firstChild.textContent.trim();
    }
  },
});
