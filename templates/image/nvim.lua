-- Neovim's start in a cage, before the user's own configuration (/etc/xdg/nvim/sysinit.vim). Where there is none, the
-- image's LazyVim starter is it. It stays in the image, with its plugins: a home of any age gets those of today. Files
-- of ~/.config/nvim/lua (plugins/, config/) add to it, as LazyVim's own pages say.
local uv = vim.uv or vim.loop
local image = "/opt/lazyvim"
local config, data = vim.fn.stdpath("config"), vim.fn.stdpath("data")

-- A configuration with lazy.nvim finds the image's plugins and parsers where it looks for its own. In another image the
-- links of this one lead nowhere, and would be in its way.
local here = uv.fs_stat(image .. "/plugins")
if here then
  vim.fn.mkdir(data .. "/site", "p")
end
for from, to in pairs({
  ["lazy"] = "plugins",
  ["site/parser"] = "site/parser",
  ["site/parser-info"] = "site/parser-info",
  ["site/queries"] = "site/queries",
}) do
  from, to = data .. "/" .. from, image .. "/" .. to
  if here then
    uv.fs_symlink(to, from)
  elseif uv.fs_readlink(from) == to then
    uv.fs_unlink(from)
  end
end
if not here then
  return
end

-- Neovim's git goes to the mirror that the image was built from; at GitHub itself the file is empty.
local count = tonumber(vim.env.GIT_CONFIG_COUNT) or 0
vim.env["GIT_CONFIG_KEY_" .. count] = "include.path"
vim.env["GIT_CONFIG_VALUE_" .. count] = image .. "/gitconfig"
vim.env.GIT_CONFIG_COUNT = count + 1

local own = vim.env.VIMINIT or vim.tbl_contains(vim.v.argv, "-u")
for _, file in ipairs({ "init.lua", "init.vim" }) do
  own = own or uv.fs_stat(config .. "/" .. file)
end
if own then
  return
end

-- The starter's call of lazy.nvim, with the image's folders. Plugins of the user's own come last and win; no news is
-- fetched at the start.
vim.fn.mkdir(config, "p")
uv.fs_symlink(image .. "/plugins/lazy.nvim", data .. "/lazy/lazy.nvim")
vim.opt.rtp:prepend(image .. "/plugins/lazy.nvim")
vim.opt.rtp:append(image .. "/starter")
local lazy = require("lazy")
local setup = lazy.setup
lazy.setup = function(opts)
  vim.opt.rtp:remove(data .. "/lazy/lazy.nvim")
  table.insert(opts.spec, #opts.spec, dofile("/usr/local/lib/trusty-cage/cage.lua"))
  setup(vim.tbl_deep_extend("force", opts, {
    root = image .. "/plugins",
    checker = { enabled = false },
    performance = { rtp = { paths = { image .. "/starter" } } },
  }))
end
dofile(image .. "/starter/init.lua")
