/* global SwaggerUIBundle */
// A file of its own: the content security policy lets no script stand in a page.
// Tokens typed in to try calls are kept in memory alone.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, persistAuthorization: false });
