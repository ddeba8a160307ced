// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace statctl {

/// Positionals "key=value". What the keys are is the kernel's business.
inline CLI::Option* add_params(CLI::App& app, std::vector<std::string>& params) {
    return app.add_option("KEY=VALUE", params, "parameters of the source")
        ->type_name("")
        ->check([](const std::string& text) {
            const auto equals = text.find('=');
            const bool good = equals != std::string::npos && equals != 0 &&
                              equals + 1 != text.size() &&
                              text.find_first_of(" \t\n") == std::string::npos;
            return good ? std::string{} : "'" + text + "' is not of the form key=value";
        });
}

/// As the library wants them.
[[nodiscard]] inline std::string join_params(const std::vector<std::string>& params) {
    return CLI::detail::join(params, " ");
}

}  // namespace statctl
