window.addEventListener("load", () => {
  SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#reference",
    deepLinking: true,
    docExpansion: "list",
    persistAuthorization: true,
    tryItOutEnabled: true,
    validatorUrl: null,
  });
});
