"""Policy as code: from a document, a principal and facts to a decision."""
