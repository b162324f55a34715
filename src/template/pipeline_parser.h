// The inside of {{ }}: pipelines of commands, operands, declarations of variables.
#pragma once

#include <string>
#include <vector>

#include "template/ast.h"
#include "template/functions.h"
#include "template/token_cursor.h"

namespace drwatch::tmpl {

class PipelineParser : public TokenCursor {
 public:
  // `functions` must outlive it.
  PipelineParser(std::string_view text, const FunctionTable& functions)
      : TokenCursor(text), functions_(functions) {}

  // `context` is what an error calls the surroundings. Consumes `end`.
  NodePtr Pipeline(const std::string& context, TokenKind end);
  // The variables that can be seen here, innermost last. A pipeline adds what it declares; whoever
  // opened a scope takes them away again.
  std::vector<std::string>& variables() { return variables_; }

 private:
  void CheckPipeline(const PipeNode& pipe, const std::string& context, int offset);
  // $x :=, $x =, and in range $i, $x :=.
  void Declarations(PipeNode& pipe, const std::string& context);
  // Consumes the pipe symbol behind it, but no closing delimiter.
  NodePtr Command();
  void MissingCommand();
  NodePtr Operand();
  // nullptr if the next token starts no term.
  NodePtr Term();
  NodePtr Literal(const Token& token);
  bool HasFunction(const std::string& name) const;

  const FunctionTable& functions_;
  std::vector<std::string> variables_ = {"$"};
};

}  // namespace drwatch::tmpl
