-- What LazyVim would download by itself at the first start stays away: the image's plugins are pinned, and the
-- first start shows an editor. ':Mason' and ':TSInstall' install what you ask for.
return {
  { "mason-org/mason.nvim", opts = function(_, opts) opts.ensure_installed = {} end },
  { "nvim-treesitter/nvim-treesitter", opts = function(_, opts) opts.ensure_installed = {} end },
  { "neovim/nvim-lspconfig", opts = { servers = { lua_ls = { enabled = false } } } },
  { "saghen/blink.cmp", opts = { fuzzy = { implementation = "lua" } } },
}
